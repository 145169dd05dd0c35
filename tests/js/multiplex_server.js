// The server of websocket-multiplex, on npm's `sockjs` server, with three topics: an
// echo, one with an awkward name, and one that says one thing and closes.
//
// It listens on a free loopback port and prints its URL.
'use strict';

const http = require('http');
const sockjs = require('sockjs');
const { MultiplexServer } = require('websocket-multiplex');

const service = sockjs.createServer({ log: () => {} });
const topics = new MultiplexServer(service);

for (const name of ['echo', 'a,b ☃ 😀']) {
  topics.registerChannel(name).on('connection', (channel) => {
    channel.on('data', (message) => channel.write(message));
  });
}
topics.registerChannel('brief').on('connection', (channel) => {
  channel.write('hi');
  channel.end();
});

const server = http.createServer();
service.installHandlers(server, { prefix: '/multiplex' });
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/multiplex`);
});
