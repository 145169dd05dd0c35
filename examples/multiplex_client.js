// Many channels over one SockJS connection to a SockJSMultiplexResource:
//
//   const multiplex = new WebSocketMultiplex(new SockJS('/multiplex'));
//   const chat = multiplex.channel('chat');
//   chat.onopen = () => chat.send('hello');
//   chat.onmessage = (event) => console.log(event.data);
//   chat.onclose = (event) => console.log(event.code, event.reason);
//
// It is used as the client of websocket-multiplex is, which works as well. This one also
// tells why a channel was closed (code and reason), ends the channels when the connection
// ends, and has an `error` event for what the server could not use.
'use strict';

class Channel extends EventTarget {
  constructor(name, socket, forget) {
    super();
    this.name = name;
    this.socket = socket;
    this.forget = forget;
  }

  send(data) {
    this.socket.send(`msg,${this.name},${data}`);
  }

  close() {
    if (!this.forget()) return;
    if (this.socket.readyState === 1) this.socket.send(`uns,${this.name}`);
    setTimeout(() => this.emit('close', { code: 3000, reason: 'Go away!' }), 0);
  }

  emit(type, details) {
    const event = Object.assign(new Event(type), details);
    if (this[`on${type}`]) this[`on${type}`](event);
    this.dispatchEvent(event);
  }
}

class WebSocketMultiplex {
  constructor(socket) {
    this.socket = socket;
    this.channels = new Map();
    socket.addEventListener('open', () => this.channels.forEach((each) => this.open(each)));
    socket.addEventListener('message', (event) => this.receive(event.data));
    socket.addEventListener('close', ({ code, reason }) => {
      const channels = [...this.channels.values()];
      this.channels.clear();
      channels.forEach((channel) => channel.emit('close', { code, reason }));
    });
  }

  channel(rawName) {
    const name = escape(rawName);
    const forget = () => this.channels.get(name) === channel && this.channels.delete(name);
    const channel = new Channel(name, this.socket, forget);
    this.channels.set(name, channel);
    if (this.socket.readyState === 1) setTimeout(() => this.open(channel), 0);
    return channel;
  }

  open(channel) {
    if (this.channels.get(channel.name) !== channel) return;
    this.socket.send(`sub,${channel.name}`);
    channel.emit('open');
  }

  receive(message) {
    const [type, name, ...rest] = message.split(',');
    const channel = this.channels.get(name);
    if (!channel) return;
    if (type === 'msg') {
      channel.emit('message', { data: rest.join(',') });
    } else if (type === 'err') {
      channel.emit('error', { message: rest.join(',') });
    } else if (type === 'uns') {
      const [code = '3000', ...reason] = rest;
      this.channels.delete(name);
      channel.emit('close', { code: Number(code), reason: reason.join(',') || 'Go away!' });
    }
  }
}

if (typeof module !== 'undefined') module.exports = WebSocketMultiplex;
