// One scenario of the stock client under Node:
//   node client.js URL TRANSPORT SCENARIO [OPTIONS]
// TRANSPORT may be "any"; OPTIONS is a JSON object for the scenario, where "localAddress"
// binds the client's end of every connection. Prints one line of JSON and then must come to
// an end by itself: what the client leaves open would hang the process, and that shows.
'use strict';

const http = require('http');
const https = require('https');
const SockJS = require('sockjs-client');
const scenarios = require('./scenarios');

const [url, transport, scenario, json] = process.argv.slice(2);
const { localAddress, ...options } = JSON.parse(json || '{}');

if (localAddress) {
  http.globalAgent.options.localAddress = https.globalAgent.options.localAddress = localAddress;
  options.transportOptions = { websocket: { net: { localAddress }, tls: { localAddress } } };
}

const watchdog = setTimeout(() => {
  console.error('the client did not come to an end');
  process.exit(1);
}, 60000);
watchdog.unref();

scenarios
  .run(SockJS, scenario, { url, transport: transport === 'any' ? undefined : transport, ...options })
  .then((result) => console.log(JSON.stringify(result)));
