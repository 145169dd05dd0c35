// Runs the browser code of a document under Node, with the stock client:
//   node example.js CODE FROM TO
// URLs in it that begin with FROM begin with TO instead. What the code logs is printed, a line
// of JSON each time; after the first of them the socket is closed.
'use strict';

const Client = require('sockjs-client');

const [code, from, to] = process.argv.slice(2);
const sockets = [];

function SockJS(url) {
  sockets.push(new Client(url.replace(from, to)));
  return sockets[0];
}

function log(...items) {
  process.stdout.write(`${JSON.stringify(items)}\n`);
  sockets[0].close();
}

new Function('SockJS', 'console', code)(SockJS, { log });
