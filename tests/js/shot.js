// A picture of a page in Chromium, headless:
//   node shot.js EXECUTABLE URL FILE WIDTH HEIGHT SCHEME READY SECONDS
// READY is a selector of what is there when the page is; the picture is taken SECONDS later.
'use strict';

const launch = require('./launch');

const [executable, url, file, width, height, scheme, ready, seconds] = process.argv.slice(2);

async function main() {
  const browser = await launch('chrome', executable);
  try {
    const page = await browser.newPage();
    await page.setViewport({ width: Number(width), height: Number(height) });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.goto(url);
    await page.waitForSelector(ready, { timeout: 20000 });
    await new Promise((done) => setTimeout(done, 1000 * Number(seconds)));
    // Two frames later it is drawn.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    await page.screenshot({ path: file });
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify({ file }));
}

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
