// npm's `socket.io` on Node, its rooms joined by Redis streams.
"use strict";

const http = require("http");
const { createAdapter } = require("@socket.io/redis-streams-adapter");
const { createClient } = require("redis");
const { Server } = require("socket.io");

const url = process.argv[process.argv.indexOf("--redis") + 1];

async function main() {
  const client = createClient({ url });
  await client.connect();
  const server = http.createServer();
  const io = new Server(server, { adapter: createAdapter(client) });
  io.on("connection", (socket) => {
    socket.join("room");
    socket.on("say", (text) => io.to("room").emit("say", text));
  });
  server.listen(0, "127.0.0.1", () => {
    console.log(`listening ${server.address().port}`);
  });
}

process.on("SIGTERM", () => process.exit(0));
main();
