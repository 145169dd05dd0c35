// A real browser, headless, with a profile of its own that goes with this process.
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const puppeteer = require('puppeteer-core');

// browser: "chrome" or "firefox"; executablePath: where it is; preferences: of Firefox, more.
module.exports = function launch(browser, executablePath, preferences = {}) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'txsockjs-browser-'));
  process.on('exit', () => fs.rmSync(profile, { recursive: true, force: true, maxRetries: 3 }));
  const options = {
    browser, executablePath, headless: true, acceptInsecureCerts: true, userDataDir: profile,
  };
  if (browser === 'chrome') {
    options.args = [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ];
  } else {
    // Pages that nobody looks at keep exact timers, as puppeteer sees to in Chromium; and
    // pages side by side, all at one server, do not wait for each other's connections.
    options.extraPrefsFirefox = {
      'dom.min_background_timeout_value': 4,
      'dom.min_background_timeout_value_without_budget_throttling': 4,
      'network.http.max-persistent-connections-per-server': 64,
      ...preferences,
    };
  }
  return puppeteer.launch(options);
};
