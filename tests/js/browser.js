// Runs scenarios in a real browser, headless:
//   node browser.js PLAN
// PLAN is JSON: {browser: "chrome" or "firefox", executable, groups: [{page, runs:
// [{key, scenario, options}]}]}. Each group has a page of its own, in a browser context of
// its own (no cookie, cache or connection is shared), and runs one scenario after another;
// the groups run side by side. Prints {key, result} per run, one line of JSON each.
'use strict';

const launch = require('./launch');

const plan = JSON.parse(process.argv[2]);

async function runGroup(browser, group) {
  const context = await browser.createBrowserContext();
  try {
    const page = await context.newPage();
    page.on('pageerror', (error) => report({ key: 'error', result: String(error) }));
    await page.goto(group.page);
    let hung = false;
    for (const run of group.runs) {
      // What follows a scenario that hung would hang, too, as long each.
      const result = hung ? { error: 'not tried' } : await page.evaluate(
        (scenario, options) => scenarios.run(SockJS, scenario, options), run.scenario, run.options);
      hung = hung || result.error === 'timeout';
      report({ key: run.key, result });
    }
    // A message that got out of its string would have set this.
    if (await page.evaluate(() => 'broken' in window)) {
      report({ key: 'error', result: 'message text ran as a script' });
    }
  } finally {
    await context.close();
  }
}

function report(line) {
  console.log(JSON.stringify(line));
}

async function main() {
  const browser = await launch(plan.browser, plan.executable);
  try {
    await Promise.all(plan.groups.map((group) => runGroup(browser, group)));
  } finally {
    await browser.close();
  }
}

setTimeout(() => {
  console.error('the browser did not come to an end');
  process.exit(1);
}, 150000).unref();

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
