// A person's path through the demo page, in a real browser, headless:
//   node demo.js BROWSER EXECUTABLE URL ARTEFACT
// Prints what the person reads, one line of JSON, and keeps a screenshot.
'use strict';

const fs = require('fs');
const path = require('path');
const launch = require('./launch');

const [browserName, executable, url, artefact] = process.argv.slice(2);

async function walk(page) {
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));

  const text = (selector) => page.$eval(selector, (element) => element.textContent);
  const rows = (name) =>
    page.$$eval(`#${name} .wire .text`, (all) => all.map((each) => each.textContent));
  const press = (name, button) => page.click(`#${name} button.${button}`);
  const until = (selector, pattern) => page.waitForFunction(
    (css, source) => new RegExp(source).test(document.querySelector(css).textContent),
    { timeout: 20000 }, selector, pattern);

  async function say(name, words) {
    await page.type(`#${name} input`, words);
    await page.keyboard.press('Enter');
  }

  await page.setViewport({ width: 1200, height: 900 });
  await page.goto(url);
  await until('#client', '^sockjs-client \\d');
  const read = { client: await text('#client') };

  // Echo: say something, then measure.
  await press('echo', 'connect');
  await until('#echo .state', '^open, by websocket$');
  await say('echo', 'Grüße <b>☃</b>');
  await until('#echo .trips', 'Of 1:');
  await press('echo', 'ping');
  await until('#echo .trips', 'Of 21:');
  read.echo = (await rows('echo')).slice(0, 4);

  // Broadcast: hear oneself.
  await press('broadcast', 'connect');
  await until('#broadcast .state', '^open');
  await say('broadcast', 'anybody?');
  await until('#broadcast .wire', 'a\\["anybody\\?"\\]');

  // The door, and the seconds.
  await press('close', 'connect');
  await until('#close .state', '^closed, 3000$');
  read.close = await rows('close');
  await press('ticker', 'connect');
  await until('#ticker .wire', 'tick 2');

  // A chat of two. One is cut off, misses something, and is told when it is back.
  const heard = (name) =>
    page.$$eval(`#chat-${name} .said li`, (all) => all.map((each) => each.textContent));
  const both = 'Here: ada, grace$';
  await until('#chat-ada .present', both);
  await until('#chat-grace .present', both);
  await say('chat-ada', 'hello');
  await until('#chat-grace .said', 'ada: hello');
  await page.click('#chat-grace .cut');
  await until('#chat-ada .present', 'Here: ada$');
  await until('#chat-grace .state', '^cut off$');
  await say('chat-ada', 'are you there?');
  await until('#chat-ada .said', 'ada: are you there\\?');
  read.missed = await heard('grace');
  await page.click('#chat-grace .cut');
  await until('#chat-grace .said', 'ada: are you there\\?');
  await say('chat-grace', 'yes');
  await until('#chat-ada .said', 'grace: yes');
  await until('#chat-ada .present', both);
  read.heard = await heard('grace');

  // Another transport for those that are open.
  await page.select('#transport', 'xhr-polling');
  for (const name of ['echo', 'broadcast', 'ticker']) {
    await until(`#${name} .state`, '^open, by xhr-polling$');
  }
  await until('#chat-ada .state', '^in the room$');
  await say('echo', 'once more');
  await until('#echo .trips', 'Of 22:');

  await press('echo', 'disconnect');
  await until('#echo .state', '^closed, 1000$');
  read.states = await page.$$eval('.console .state', (all) => all.map((each) => each.textContent));
  return { ...read, errors };
}

async function main() {
  const browser = await launch(browserName, executable);
  try {
    const page = await browser.newPage();
    try {
      console.log(JSON.stringify(await walk(page)));
    } finally {
      fs.mkdirSync(path.dirname(artefact), { recursive: true });
      await page.screenshot({ path: artefact, fullPage: true });
    }
  } finally {
    await browser.close();
  }
}

setTimeout(() => {
  console.error('the browser did not come to an end');
  process.exit(1);
}, 100000).unref();

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
