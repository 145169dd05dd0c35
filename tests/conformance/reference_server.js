// The four services of the conformance suite, on npm's `sockjs` server.
//
//   node tests/conformance/reference_server.js
//
// It listens on a free loopback port and prints its URL; what would have crashed it
// goes to standard error.
'use strict';

const http = require('http');
const sockjs = require('sockjs');

const server = http.createServer((request, response) => {
  response.writeHead(404);
  response.end();
});

function service(prefix, options, connected) {
  const handler = sockjs.createServer({log: () => {}, ...options});
  handler.on('connection', connected);
  handler.installHandlers(server, {prefix});
}

function echo(connection) {
  connection.on('data', (message) => connection.write(message));
}

function close(connection) {
  connection.close(3000, 'Go away!');
}

const limited = {response_limit: 4096};
service('/echo', limited, echo);
service('/disabled_websocket_echo', {...limited, websocket: false}, echo);
service('/cookie_needed_echo', {...limited, jsessionid: true}, echo);
service('/close', limited, close);

// One crash must not hide what the clauses after it would show.
process.on('uncaughtException', (error) => console.error(error.stack));

server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/`);
});
