// Channels over one session of the stock client under Node:
//   node multiplex.js URL TRANSPORT CLIENT
// CLIENT is the file of a multiplex client: a script that makes WebSocketMultiplex. Prints
// what happened on each channel as one line of JSON, and must then come to an end by itself.
'use strict';

const fs = require('fs');
const SockJS = require('sockjs-client');

const [url, transport, client] = process.argv.slice(2);
const WebSocketMultiplex = new Function(
  'module', `${fs.readFileSync(client)}; return WebSocketMultiplex;`)();

const socket = new SockJS(url, null, { transports: [transport], timeout: 20000 });
const multiplex = new WebSocketMultiplex(socket);
const happened = {};

// A channel whose events are noted, and can be awaited.
function open(name) {
  const channel = multiplex.channel(name);
  const noted = happened[name] = [];
  let wake = () => {};
  const note = (event) => { noted.push(event); wake(); };
  channel.onopen = () => note('open');
  channel.onmessage = ({ data }) => note(`message ${data}`);
  channel.onclose = ({ code, reason }) => note(['close', code, reason].join(' ').trim());
  channel.onerror = ({ message }) => note(`error ${message}`);
  const until = async (event) => {
    while (!noted.includes(event)) await new Promise((resolve) => { wake = resolve; });
  };
  const ended = async () => {
    while (!noted.some((event) => event.startsWith('close'))) {
      await new Promise((resolve) => { wake = resolve; });
    }
  };
  return { channel, until, ended };
}

async function run() {
  const echo = open('echo');
  const awkward = open('a,b ☃ 😀');
  await echo.until('open');
  echo.channel.send('a,b,,');
  await awkward.until('open');
  awkward.channel.send('é');
  await echo.until('message a,b,,');
  await awkward.until('message é');
  // The server closes one, and has not the other.
  const brief = open('brief');
  await brief.ended();
  await open('nothing').ended();
  // The client closes one, and opens it again.
  awkward.channel.close();
  await awkward.ended();
  const again = open('a,b ☃ 😀');
  await again.until('open');
  again.channel.send('again');
  await again.until('message again');
  echo.channel.send('still here');
  await echo.until('message still here');
  socket.close();
}

run().then(() => console.log(JSON.stringify(happened)));
