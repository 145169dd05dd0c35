// What people do with pages, in a real browser, headless; each has a browser's profile of
// their own, so that they share no cookie:
//   node visit.js BROWSER EXECUTABLE STEPS
// STEPS is JSON, a list of steps, each a list of who, what, and what that takes:
//   [who, "open", url]             open a page; the one before is left
//   [who, "until", css, pattern]   wait until the text of an element has this pattern
//   [who, "type", css, text]       type into a field, and press Enter
//   [who, "click", css]            click on something
//   [who, "offline", true]         have the network go, or with false come back
//   [who, "read", css]             the texts of elements
//   [who, "run", line]             run a line in a shell
// Prints one line of JSON: what was read, in order, and what errors the pages had.
'use strict';

const { execSync } = require('child_process');
const launch = require('./launch');

const [browserName, executable, plan] = process.argv.slice(2);
const PATIENCE = 20000;

const actions = {
  open: (page, url) => page.goto(url),
  until: (page, css, pattern) => page.waitForFunction(
    (selector, source) => new RegExp(source).test(document.querySelector(selector)?.textContent),
    { timeout: PATIENCE }, css, pattern),
  async type(page, css, text) {
    await page.waitForSelector(css, { visible: true, timeout: PATIENCE });
    await page.type(css, text);
    await page.keyboard.press('Enter');
  },
  click: (page, css) => page.click(css),
  offline: (page, state) => page.setOfflineMode(state),
  run: (page, line) => { execSync(line); },
  read: (page, css) => page.$$eval(css, (all) => all.map((each) => each.textContent)),
};

async function main() {
  const browser = await launch(browserName, executable);
  const pages = new Map();
  const errors = [];
  const reads = [];
  try {
    for (const [who, action, ...rest] of JSON.parse(plan)) {
      if (!pages.has(who)) {
        const page = await (await browser.createBrowserContext()).newPage();
        page.on('pageerror', (error) => errors.push(String(error)));
        pages.set(who, page);
      }
      try {
        const result = await actions[action](pages.get(who), ...rest);
        if (action === 'read') reads.push(result);
      } catch (error) {
        const text = await pages.get(who).$eval('body', (body) => body.innerText);
        throw new Error(`${who}, ${action} ${rest}: ${error.message}; the page has: ${text}`);
      }
    }
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify({ reads, errors }));
}

setTimeout(() => {
  console.error('the browser did not come to an end');
  process.exit(1);
}, 100000).unref();

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
