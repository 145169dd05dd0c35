// One session of the stock client under Node, told from its first to its last event:
//   node calls.js URL TRANSPORT [OPTIONS]
// OPTIONS is a JSON object: "headers" go with every request, of all transports; "send" has
// what to say, one message in answer to each that comes in; after "count" messages the client
// closes by itself. Prints one line of JSON when the session is closed.
'use strict';

const http = require('http');
const SockJS = require('sockjs-client');

const [url, transport, json] = process.argv.slice(2);
const { headers = {}, send = [], count = Infinity, timeout = 20000 } = JSON.parse(json || '{}');

// Browsers add cookies and passwords to each request; here is who does it in their place.
const { request } = http;
http.request = (options, ...rest) =>
  request({ ...options, headers: { ...options.headers, ...headers } }, ...rest);

const happened = { opened: false, messages: [] };
const socket = new SockJS(url, null, {
  timeout,
  transports: [transport],
  transportOptions: { websocket: { headers } },
});
socket.onopen = () => { happened.opened = true; };
socket.onmessage = ({ data }) => {
  happened.messages.push(data);
  if (happened.messages.length >= count) socket.close();
  else if (send.length) socket.send(send.shift());
};
socket.onclose = ({ code, reason }) => {
  console.log(JSON.stringify({ ...happened, code, reason }));
  process.exit();
};
