// Runs the browser code of a document under Node, with the stock client:
//   node example.js CODE FROM TO
// URLs in it that begin with FROM begin with TO instead. What the code logs is printed, a line
// of JSON each time; after the first of them the first socket is closed.
'use strict';

const Client = require('sockjs-client');

const [code, from, to] = process.argv.slice(2);
const sockets = [];

function SockJS(url) {
  const socket = new Client(url.replace(from, to));
  sockets.push(socket);
  return socket;
}

function log(...items) {
  process.stdout.write(`${JSON.stringify(items)}\n`);
  sockets[0].close();
}

new Function('SockJS', 'console', code)(SockJS, { log });
