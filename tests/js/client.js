// One scenario of the stock client under Node:
//   node client.js URL TRANSPORT SCENARIO [OPTIONS]
// TRANSPORT may be "any", and "raw" is the plain WebSocket beside them; OPTIONS is a JSON
// object for the scenario, where "localAddress" binds the client's end of every connection.
// Prints one line of JSON and then must come to an end by itself: what the client leaves
// open would hang the process, and that shows.
'use strict';

const http = require('http');
const net = require('net');
const SockJS = require('sockjs-client');
const WebSocket = require('faye-websocket').Client;
const scenarios = require('./scenarios');

const [url, transport, scenario, json] = process.argv.slice(2);
const { localAddress, ...options } = JSON.parse(json || '{}');

if (localAddress) {
  // The client passes no such option on, to HTTP or to WebSocket.
  http.globalAgent.options.localAddress = localAddress;
  const { connect } = net;
  net.connect = (options, ...rest) => connect({ ...options, localAddress }, ...rest);
}

const watchdog = setTimeout(() => {
  console.error('the client did not come to an end');
  process.exit(1);
}, 60000);
watchdog.unref();

function RawWebSocket(base) {
  return new WebSocket(base.replace(/^http/, 'ws') + '/websocket');
}

const Client = transport === 'raw' ? RawWebSocket : SockJS;
scenarios
  .run(Client, scenario, { url, transport: transport === 'any' ? undefined : transport, ...options })
  .then((result) => console.log(JSON.stringify(result)));
