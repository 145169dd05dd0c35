// npm's `sockjs` on Node.
"use strict";

const fs = require("fs");
const http = require("http");
const https = require("https");
const v8 = require("v8");
const vm = require("vm");
const deflate = require("permessage-deflate");
const sockjs = require("sockjs");
const { MultiplexServer } = require("websocket-multiplex");

const [option, tls] = process.argv.slice(2);
let server;
if (option === "--tls") {
  const pem = fs.readFileSync(tls);
  server = https.createServer({ cert: pem, key: pem });
} else {
  server = http.createServer();
}

const silent = { log: () => {} };
const echo = sockjs.createServer(silent);
echo.on("connection", (session) => {
  session.on("data", (message) => session.write(message));
});
echo.installHandlers(server, { prefix: "/echo" });
echo.installHandlers(server, {
  prefix: "/deflate",
  faye_server_options: { extensions: [deflate] },
});

const multiplex = sockjs.createServer(silent);
new MultiplexServer(multiplex)
  .registerChannel("echo")
  .on("connection", (channel) => {
    channel.on("data", (message) => channel.write(message));
  });
multiplex.installHandlers(server, { prefix: "/multiplex" });

const everybody = new Set();
const broadcast = sockjs.createServer(silent);
broadcast.on("connection", (session) => {
  everybody.add(session);
  session.on("data", (message) => {
    for (const other of everybody) {
      other.write(message);
    }
  });
  session.on("close", () => everybody.delete(session));
});
broadcast.installHandlers(server, { prefix: "/broadcast" });

server.listen(0, "127.0.0.1", 4096, () => {
  console.log(`listening ${server.address().port}`);
});
// How long a full collection takes.
process.on("SIGUSR2", () => {
  v8.setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc");
  collect();
  const began = process.hrtime.bigint();
  collect();
  const collection = Number(process.hrtime.bigint() - began) / 1e6;
  const left = process.env.BENCHMARK_REPORT;
  fs.writeFileSync(`${left}.new`, JSON.stringify({ walked: 0, collection }));
  fs.renameSync(`${left}.new`, left);
});
process.on("SIGTERM", () => process.exit(0));
