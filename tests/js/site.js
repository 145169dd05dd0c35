// The pages of the site, in Chromium, headless:
//   node site.js EXECUTABLE PLAN
// PLAN is JSON: pages (URLs), shown (those of them to take pictures of, by name), artefacts
// (a directory). Prints one line of JSON: pages that are wider than a phone's window, and
// errors of their scripts.
'use strict';

const path = require('path');
const launch = require('./launch');

const [executable, planText] = process.argv.slice(2);
const plan = JSON.parse(planText);

const WIDTHS = [390, 768, 1280];
const SCHEMES = ['light', 'dark'];

// How far a page goes beyond its window, and what of it does.
function beyond() {
  const root = document.documentElement;
  const excess = root.scrollWidth - window.innerWidth;
  if (excess <= 0) return null;
  const widest = [...document.querySelectorAll('article *')]
    .filter((each) => each.getBoundingClientRect().right > window.innerWidth)
    .map((each) => `${each.tagName}.${each.className} ${each.textContent.trim().slice(0, 40)}`);
  return [excess, ...widest.slice(0, 3)];
}

async function main() {
  const browser = await launch('chrome', executable);
  const read = { wide: {}, errors: [] };
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => read.errors.push(`${page.url()}: ${error}`));
    const look = async (url, width) => {
      const excess = await page.evaluate(beyond);
      if (excess) read.wide[`${path.basename(url)} at ${width}`] = excess;
    };
    await page.setViewport({ width: WIDTHS[0], height: 844 });
    for (const url of plan.pages) {
      await page.goto(url, { waitUntil: 'domcontentloaded' });
      await look(url, WIDTHS[0]);
    }
    for (const [name, url] of Object.entries(plan.shown)) {
      for (const scheme of SCHEMES) {
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
        for (const width of WIDTHS) {
          await page.setViewport({ width, height: width > 800 ? 900 : 844 });
          await page.goto(url);
          await look(url, width);
          const file = `site-${name}-${width}-${scheme}.png`;
          await page.screenshot({ path: path.join(plan.artefacts, file) });
        }
      }
    }
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify(read));
}

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
