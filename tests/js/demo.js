// A person's path through the demo page, in a real browser, headless:
//   node demo.js BROWSER EXECUTABLE PLAN
// PLAN is JSON: url, artefacts (a directory), axe (its script, or null). Prints what the
// person reads, one line of JSON, and keeps screenshots.
'use strict';

const fs = require('fs');
const path = require('path');
const launch = require('./launch');

const [browserName, executable, planText] = process.argv.slice(2);
const plan = JSON.parse(planText);

const WIDTHS = [390, 1280];
const MEASURED = ['websocket', 'xhr-streaming', 'eventsource', 'htmlfile', 'xhr-polling', 'jsonp-polling'];

class Person {
  constructor(page) {
    this.page = page;
    this.errors = [];
    page.on('pageerror', (error) => this.errors.push(String(error)));
    page.on('console', (message) => {
      // What the policy forbids is told here, and nowhere else.
      if (/Content.Security.Policy/i.test(message.text())) this.errors.push(message.text());
    });
  }

  text(selector) {
    return this.page.$eval(selector, (element) => element.textContent);
  }

  all(selector) {
    return this.page.$$eval(selector, (found) => found.map((each) => each.textContent));
  }

  rows(name) {
    return this.all(`#${name} .wire .text`);
  }

  heard(name) {
    return this.all(`#chat-${name} .said li`);
  }

  until(selector, pattern) {
    return this.page.waitForFunction(
      (css, source) => new RegExp(source).test(document.querySelector(css).textContent),
      { timeout: 20000 }, selector, pattern);
  }

  async say(name, words) {
    await this.page.type(`#${name} input`, words);
    await this.page.keyboard.press('Enter');
  }

  async open() {
    await this.page.setViewport({ width: 1280, height: 900 });
    await this.page.goto(plan.url);
    await this.until('#state', '^5 sessions open$');
    await this.until('#trips-eventsource .value', ' ms$');
  }

  // What is there without a hand's turn.
  async arrive() {
    await this.open();
    for (const name of ['echo', 'broadcast', 'ticker']) {
      await this.until(`#${name} .state`, '^open, by websocket$');
    }
    await this.until('#close .state', '^closed, 3000$');
    await this.until('#echo .wire', 'a\\["2"\\]');
    await this.until('#ticker .wire', 'tick 2');
    const read = {
      client: await this.text('#client'),
      close: await this.rows('close'),
      echoed: (await this.rows('echo')).slice(0, 4),
      sources: await this.all('.console .source code'),
      documents: await this.text('footer p:last-child'),
    };
    for (const name of MEASURED) await this.until(`#trips-${name} .value`, '^(< )?[\\d.]+ ms$');
    return { ...read, labels: await this.page.$$eval('#trips svg', (all) => all.map((each) => each.getAttribute('aria-label'))) };
  }

  // Echo and broadcast: say something, then measure.
  async talk() {
    await this.say('echo', 'Grüße <b>☃</b>');
    await this.until('#echo .wire', 'a\\["Grüße <b>☃</b>"\\]');
    await this.page.click('#echo .ping');
    await this.until('#echo .trips', '^median of 20: ');
    await this.say('broadcast', 'anybody?');
    await this.until('#broadcast .wire', 'a\\["anybody\\?"\\]');
  }

  // One of two is cut off, misses something, and is told when it is back.
  async chat() {
    const both = '^Here: ada, grace$';
    await this.until('#chat-ada .present', both);
    await this.until('#chat-grace .present', both);
    await this.say('chat-ada', 'hello');
    await this.until('#chat-grace .said', 'ada: hello');
    await this.page.click('#chat-grace .cut');
    await this.until('#chat-ada .present', '^Here: ada$');
    await this.until('#chat-grace .state', '^cut off$');
    await this.say('chat-ada', 'are you there?');
    await this.until('#chat-ada .said', 'ada: are you there\\?');
    const missed = await this.heard('grace');
    await this.page.click('#chat-grace .cut');
    await this.until('#chat-grace .said', 'ada: are you there\\?');
    await this.say('chat-grace', 'yes');
    await this.until('#chat-ada .said', 'grace: yes');
    await this.until('#chat-ada .present', both);
    return { missed, heard: await this.heard('grace') };
  }

  // While nobody looks, nothing is measured.
  async hide(isHidden) {
    await this.page.evaluate((hidden) => {
      Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, isHidden);
    await this.until('#trips-state', isHidden ? 'nobody looks' : '^$');
    await this.page.waitForFunction(
      (wanted) => (document.querySelector('#trips .now') === null) === wanted, {}, isHidden);
  }

  // The switch, by keyboard: all are cut, and all come back. What is said meanwhile waits.
  async tunnel() {
    await this.page.focus('#network');
    await this.page.keyboard.press(' ');
    await this.until('#state', '^No network$');
    for (const name of ['echo', 'ticker', 'chat-ada', 'chat-grace']) {
      await this.until(`#${name} .state`, '^reconnecting, no network$');
    }
    await this.until('#trips-state', 'network is off');
    await this.page.waitForFunction(() => !document.querySelector('#trips .now'));
    await this.say('chat-ada', 'from the tunnel');
    const read = {
      off: await this.page.$eval('#network', (button) => button.getAttribute('aria-checked')),
      cutStates: await this.all('.console .state'),
    };
    await this.look('off', ['light'], [1280]);
    await this.page.focus('#network');
    await this.page.keyboard.press(' ');
    await this.until('#state', '^5 sessions open$');
    await this.until('#chat-grace .said', 'ada: from the tunnel');
    await this.until('#trips-state', '^$');
    return { ...read, back: await this.heard('grace'), backStates: await this.all('.console .state') };
  }

  // Another transport for all that are open, the one that needs the iframe page and a few
  // of what the policy allows; what is measured steps back.
  async poll() {
    await this.page.select('#transport', 'iframe-xhr-polling');
    for (const name of ['echo', 'broadcast', 'ticker']) {
      await this.until(`#${name} .state`, '^open, by iframe-xhr-polling$');
    }
    await this.until('#chat-ada .state', '^in the room$');
    await this.until('#trips-state', 'six connections');
    await this.say('echo', 'once more');
    await this.until('#echo .wire', 'a\\["once more"\\]');
    await this.page.click('#echo .connect');
    await this.until('#echo .state', '^closed, 1000$');
    return { states: await this.all('.console .state') };
  }

  // How it looks, wide and narrow, light and dark; what axe-core says of it.
  async look(name, schemes, widths) {
    const found = { objections: [], tooWide: [] };
    const { page } = this;
    await page.evaluate(() => document.activeElement.blur());
    for (const scheme of schemes) {
      if (browserName === 'chrome') await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      for (const width of widths) {
        const where = `${name} ${scheme} ${width}`;
        await page.setViewport({ width, height: 900 });
        await page.evaluate(() => new Promise((done) => {
          window.scrollTo(0, 0);
          requestAnimationFrame(() => requestAnimationFrame(done));
        }));
        if (await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)) found.tooWide.push(where);
        await page.screenshot({ path: path.join(plan.artefacts, `demo-${browserName}-${where.replaceAll(' ', '-')}.png`), fullPage: true });
        if (plan.axe) found.objections.push(...await this.objections(where));
      }
    }
    await page.setViewport({ width: 1280, height: 900 });
    return found;
  }

  async objections(where) {
    const { violations } = await this.page.evaluate(() => window.axe.run(document));
    return violations.map((each) => `${where}: ${each.id}: ${each.nodes.map((node) => node.html).join(' ')}`);
  }
}

async function walk(page) {
  const person = new Person(page);
  let read = await person.arrive();
  await person.talk();
  read = { ...read, ...await person.chat() };
  if (plan.axe) await page.evaluate(fs.readFileSync(plan.axe, 'utf8'));
  read = { ...read, ...await person.look('on', browserName === 'chrome' ? ['light', 'dark'] : ['light'], WIDTHS) };
  await person.hide(true);
  await person.hide(false);
  read = { ...read, ...await person.tunnel() };
  read = { ...read, ...await person.poll() };
  return { ...read, errors: person.errors };
}

// Firefox has one scheme from its start to its end.
function open(scheme) {
  const isDark = scheme === 'dark';
  const prefs = {
    'layout.css.prefers-color-scheme.content-override': isDark ? 0 : 1,
    'ui.systemUsesDarkTheme': isDark ? 1 : 0,
  };
  // As many connections as a person's browser has, so that the page cannot have more.
  return launch(browserName, executable, { ...prefs, 'network.http.max-persistent-connections-per-server': 6 });
}

async function inBrowser(scheme, act) {
  const browser = await open(scheme);
  try {
    const page = await browser.newPage();
    try {
      return await act(page);
    } catch (error) {
      await page.screenshot({ path: path.join(plan.artefacts, `demo-${browserName}-failed.png`), fullPage: true });
      throw error;
    }
  } finally {
    await browser.close();
  }
}

async function main() {
  fs.mkdirSync(plan.artefacts, { recursive: true });
  const read = await inBrowser('light', walk);
  if (browserName !== 'chrome') {
    const dark = await inBrowser('dark', async (page) => {
      const person = new Person(page);
      await person.open();
      return person.look('on', ['dark'], WIDTHS);
    });
    read.tooWide.push(...dark.tooWide);
  }
  console.log(JSON.stringify(read));
}

setTimeout(() => {
  console.error('the browser did not come to an end');
  process.exit(1);
}, 100000).unref();

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
