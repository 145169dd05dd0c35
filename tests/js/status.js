// A person's path through the status page, in a real browser, headless:
//   node status.js BROWSER EXECUTABLE PLAN
// PLAN is JSON: url, token, artefacts (a directory), crowd (the URL of one with very many
// sessions). Prints what the person reads, one line of JSON, and keeps screenshots.
'use strict';

const fs = require('fs');
const path = require('path');
const launch = require('./launch');

const [browserName, executable, planText] = process.argv.slice(2);
const plan = JSON.parse(planText);

const WIDTHS = [390, 768, 1280];

// What axe-core objects to, in a few words.
async function objections(page, where) {
  const found = await page.evaluate(() => window.axe.run(document));
  return found.violations.map((each) => `${where}: ${each.id}: ${each.nodes.map((node) => node.html).join(' ')}`);
}

async function walk(page) {
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('requestfailed', (request) => errors.push(request.url()));
  const text = (selector) => page.$eval(selector, (element) => element.textContent);
  const all = (selector) => page.$$eval(selector, (found) => found.map((each) => each.textContent));
  const until = (selector, pattern) => page.waitForFunction(
    (css, source) => new RegExp(source).test(document.querySelector(css).textContent),
    { timeout: 20000 }, selector, pattern);
  const peers = () => all('#table td.peer span');

  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(plan.url);
  await until('#state', '^Live$');
  await until('#matched', '^4 open$');
  await until('#graph-messagesIn .more', 'most [1-9]');
  const read = {
    services: await all('#services tbody th'),
    lives: await all('#services tbody .life'),
    transports: await all('#transports .what'),
    refused: await all('#refused td'),
    rooms: await all('#rooms tbody td:first-child'),
    graphs: await page.$$eval('#graphs svg', (found) => found.map((each) => each.getAttribute('aria-label').split(' in five minutes')[0])),
    locked: await page.$eval('#drain', (button) => button.hidden),
    peers: await peers(),
  };

  // What was at a moment, for who points at it.
  const box = await (await page.$('#graph-sessions svg')).boundingBox();
  await page.mouse.move(box.x + box.width - 2, box.y + 20);
  await until('#graph-sessions .more', '^\\d s ago: 4$');
  await page.mouse.move(box.x + 10, box.y + 20);
  await until('#graph-sessions .more', '^4 m \\d+ s ago: nobody looked$');
  await page.mouse.move(1, 1);
  await until('#graph-sessions .more', '^most 4$');

  // By keyboard: sort, and filter.
  await page.focus('th.peer button');
  await page.keyboard.press('Enter');
  await page.waitForSelector('th.peer[aria-sort="ascending"]');
  await page.waitForFunction(() => {
    const shown = [...document.querySelectorAll('#table td.peer span')].map((each) => each.textContent);
    return shown.length === 4 && !shown.includes('…');
  });
  read.sorted = await peers();
  await page.type('#filter', 'XHR');
  await until('#matched', '^1 of 4 open$');
  await page.waitForFunction(() => document.querySelectorAll('#table td.peer').length === 1);
  read.filtered = await all('#table td.transport');
  await page.focus('#filter');
  for (let count = 0; count < 3; count += 1) await page.keyboard.press('Backspace');
  await until('#matched', '^4 open$');

  // Actions: a wrong token, and the right one.
  await page.click('#unlock');
  await page.type('#token', 'not the token at all');
  await page.keyboard.press('Enter');
  await until('#ask-problem', 'not the token');
  read.stillLocked = await page.$eval('body', (body) => !body.classList.contains('open'));
  await page.type('#token', plan.token);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => !document.getElementById('ask').open);

  // How it looks with all of that, wide and narrow, light and dark.
  read.objections = [];
  read.tooWide = [];
  if (plan.axe) await page.evaluate(fs.readFileSync(plan.axe, 'utf8'));
  for (const scheme of plan.schemes) {
    if (plan.schemes.length > 1) await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    for (const width of WIDTHS) {
      const where = `${scheme} ${width}`;
      await page.setViewport({ width, height: 900 });
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      if (await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)) read.tooWide.push(where);
      await page.screenshot({ path: path.join(plan.artefacts, `status-${browserName}-${scheme}-${width}.png`), fullPage: true });
      if (plan.axe && width !== 768) read.objections.push(...await objections(page, where));
      if (plan.axe && width === 390) {
        await page.$eval('#drain', (button) => button.click());
        read.objections.push(...await objections(page, `${where}, asked`));
        await page.click('#ask-no');
      }
    }
  }

  // One session, one service, all of them.
  await page.setViewport({ width: 1280, height: 900 });
  const [first] = await peers();
  await page.click('#table td.action button');
  read.asked = (await text('#ask-text')).startsWith(`${first}, session `);
  await page.click('#ask-yes');
  await until('#notice', 'is closed');
  await until('#matched', '^3 open$');
  await page.click('#services tbody tr:nth-child(2) button');
  await page.click('#ask-yes');
  await until('#services tbody tr:nth-child(2) .life', '^draining$');
  await page.click('#drain');
  await page.click('#ask-yes');
  await until('#services tbody tr:nth-child(1) .life', '^draining$');
  await until('#matched', '^0 open$');

  // The token is not kept. A message that is lost on the way, the second one here, is
  // missed with the next one: the page comes again, and has all of it.
  await page.evaluateOnNewDocument(() => {
    let client;
    let frames = 0;
    const losing = (value) => {
      const receive = value.prototype._transportMessage;
      value.prototype._transportMessage = function (frame) {
        if (frame[0] === 'o') window.timesOpened = (window.timesOpened ?? 0) + 1;
        if (frame[0] === 'a') frames += 1;
        if (frame[0] !== 'a' || frames !== 2) receive.call(this, frame);
      };
      client = value;
    };
    Object.defineProperty(window, 'SockJS', { get: () => client, set: losing });
  });
  await page.reload();
  await until('#state', '^Live$');
  await page.waitForSelector('#unlock:not([hidden])');
  read.lockedAgain = await page.$eval('#drain', (button) => button.hidden);
  await page.waitForFunction(() => window.timesOpened === 2, { timeout: 20000 });
  await until('#state', '^Live$');
  read.errors = errors;
  return read;
}

// Scrolls through very many sessions, and measures what a person feels of it.
async function crowd(page) {
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(plan.crowd);
  await page.waitForFunction(() => document.getElementById('matched').textContent === '10 000 open', { timeout: 20000 });
  const row = await page.$$eval('#table tbody tr:nth-child(2) td', (cells) => cells.map((cell) => cell.textContent));
  const refused = await page.$eval('#refused tbody td', (cell) => cell.textContent);
  const elements = await page.$$eval('main img, main script, main b', (found) => found.length);
  const read = await page.evaluate(async () => {
    const scroller = document.querySelector('.scroller');
    const frames = [];
    let most = 0;
    let before = performance.now();
    const height = scroller.scrollHeight - scroller.clientHeight;
    for (let step = 1; step <= 150; step += 1) {
      scroller.scrollTop = (height * step) / 150;
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      frames.push(now - before);
      before = now;
      most = Math.max(most, document.querySelectorAll('#table tbody tr').length);
    }
    frames.sort((a, b) => a - b);
    return { most, median: frames[75], tail: frames[142], worst: frames[149] };
  });
  // The end of the table is there when one has come to it.
  await page.waitForFunction(() => {
    const rows = [...document.querySelectorAll('#table td.peer span')];
    return rows.length && rows[rows.length - 1].textContent.startsWith('client-9999.');
  }, { timeout: 20000 });
  read.last = await page.$eval('#table tbody tr:nth-last-child(2)', (row) => row.getAttribute('aria-rowindex'));
  await page.type('#filter', 'client-777');
  await page.waitForFunction(() => document.getElementById('matched').textContent === '11 of 10 000 open', { timeout: 20000 });
  return { ...read, row, refused, elements };
}

async function main() {
  const browser = await launch(browserName, executable);
  try {
    fs.mkdirSync(plan.artefacts, { recursive: true });
    const page = await browser.newPage();
    try {
      console.log(JSON.stringify(plan.crowd ? await crowd(page) : await walk(page)));
    } catch (error) {
      await page.screenshot({ path: path.join(plan.artefacts, `status-${browserName}-failed.png`) });
      throw error;
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
