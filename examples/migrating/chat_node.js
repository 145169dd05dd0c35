// A chat with sockjs-node beside express, to be compared with chat_beside.py.
"use strict";

const http = require("http");
const express = require("express");
const sockjs = require("sockjs");

const present = new Set();
const tell = (message) => present.forEach((session) => session.write(message));

const chat = sockjs.createServer({ prefix: "/chat", log: () => {} });
chat.on("connection", (session) => {
  tell("Somebody joins.");
  present.add(session);
  session.on("data", tell);
  session.on("close", () => {
    present.delete(session);
    tell("Somebody leaves.");
  });
});

const app = express();
app.get("/present", (request, response) => response.send(`${present.size} present`));

const server = http.createServer(app);
chat.installHandlers(server);
server.listen(Number(process.argv[2] || 8080), "127.0.0.1", () => {
  console.log(`A chat at http://127.0.0.1:${server.address().port}/chat`);
});
