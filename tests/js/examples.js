// A person's path through the pages of the examples, in a real browser, headless:
//   node examples.js BROWSER EXECUTABLE PAGE URL ARTEFACT
// Prints what the person reads in the end as one line of JSON, and keeps a screenshot.
'use strict';

const fs = require('fs');
const path = require('path');
const launch = require('./launch');

const [browserName, executablePath, pageName, url, artefact] = process.argv.slice(2);
const client = path.join(path.dirname(require.resolve('sockjs-client/package.json')), 'dist', 'sockjs.min.js');

// Open a page; what it loads from the CDN comes from npm's copy.
async function open(browser) {
  const page = await browser.newPage();
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    if (request.url().endsWith('/sockjs.min.js')) {
      request.respond({ contentType: 'application/javascript', body: fs.readFileSync(client) });
    } else {
      request.continue();
    }
  });
  await page.goto(url);
  return page;
}

const items = (page, selector) =>
  page.$$eval(`${selector} li`, (all) => all.map((each) => each.textContent));

const until = (page, selector, text) => page.waitForFunction(
  (css, last) => [...document.querySelectorAll(`${css} li`)].some((each) => each.textContent === last),
  {}, selector, text);

async function type(page, selector, text) {
  await page.type(`${selector}`, text);
  await page.keyboard.press('Enter');
}

const paths = {
  async chat(browser) {
    const first = await open(browser);
    await until(first, '#said', '*: somebody joins');
    const second = await open(browser);
    await until(second, '#said', '*: somebody joins');
    await type(second, '#words', 'hello <b>you</b>');
    await until(second, '#said', 'me: hello <b>you</b>');
    await second.close();
    await until(first, '#said', '*: somebody leaves');
    return [first, await items(first, '#said')];
  },

  async multiplex(browser) {
    const page = await open(browser);
    await until(page, '#chat', '*: somebody joins');
    await until(page, '#room-1', '*: somebody joins');
    await type(page, '#echo input', 'one, two');
    await until(page, '#echo', 'one, two');
    await type(page, '#chat input', 'hello');
    await until(page, '#chat', 'me: hello');
    await page.click('#chat button[type=button]');
    await until(page, '#chat', 'Closed: 3000 Go away!');
    await type(page, '#room-1 input', 'still here');
    await until(page, '#room-1', 'me: still here');
    const names = ['echo', 'chat', 'room-1', 'no\\%20such\\%20topic'];
    return [page, await Promise.all(names.map((name) => items(page, `#${name}`)))];
  },
};

async function main() {
  const browser = await launch(browserName, executablePath);
  try {
    const [page, read] = await paths[pageName](browser);
    fs.mkdirSync(path.dirname(artefact), { recursive: true });
    await page.screenshot({ path: artefact });
    console.log(JSON.stringify(read));
  } finally {
    await browser.close();
  }
}

setTimeout(() => {
  console.error('the browser did not come to an end');
  process.exit(1);
}, 90000).unref();

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
