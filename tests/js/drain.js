// Sessions of the stock client under load, until the server closes them:
//   node drain.js [--quiet] URL COUNT TRANSPORT...
// Every session sends all the time (with --quiet only its name), and expects the messages "0 ...", "1 ...", and so on.
// Prints "ready" when all of them have had some messages; when all are closed, one line of
// JSON with what each has seen.
'use strict';

const SockJS = require('sockjs-client');

const args = process.argv.slice(2);
const quiet = args[0] === '--quiet';
const [url, count, ...transports] = quiet ? args.slice(1) : args;

function session(name, transport, ready) {
  return new Promise((resolve) => {
    const seen = { name, received: 0, wrong: null };
    const sock = new SockJS(url, undefined, { transports: [transport], timeout: 10000 });
    let timer;
    sock.onopen = () => {
      sock.send(name);
      if (!quiet) timer = setInterval(() => sock.send('noise '.repeat(20)), 20);
    };
    sock.onmessage = (event) => {
      if (!event.data.startsWith(seen.received + ' ') && !seen.wrong) {
        seen.wrong = event.data.slice(0, 20);
      }
      seen.received += 1;
      if (seen.received === 20) ready();
    };
    sock.onclose = (event) => {
      clearInterval(timer);
      resolve({ ...seen, how: [event.code, event.reason, event.wasClean] });
    };
  });
}

const names = transports.flatMap((transport) =>
  Array.from({ length: Number(count) }, (_, i) => [`${transport} ${i}`, transport]));
let missing = names.length;
const ready = () => {
  missing -= 1;
  if (!missing) console.log('ready');
};

Promise.all(names.map(([name, transport]) => session(name, transport, ready)))
  .then((results) => console.log(JSON.stringify(results)));
