// Rooms with Socket.IO, to be compared with rooms_txsockjs.py.
"use strict";

const http = require("http");
const { Server } = require("socket.io");

const server = http.createServer();
const io = new Server(server);
io.on("connection", (socket) => {
  socket.on("enter", (room) => {
    socket.join(room);
    socket.to(room).emit("entered", room);
  });
  socket.on("say", (room, text) => io.to(room).emit("said", room, text));
});
server.listen(Number(process.argv[2] || 8080), "127.0.0.1", () => {
  console.log(`Rooms at http://127.0.0.1:${server.address().port}/`);
});
