// npm's `sockjs` on Node.
"use strict";

const fs = require("fs");
const http = require("http");
const https = require("https");
const sockjs = require("sockjs");

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

server.listen(0, "127.0.0.1", () => {
  console.log(`listening ${server.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));
