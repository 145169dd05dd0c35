// One conversation with a service behind a bridge, by the stock client under Node:
//   node bridge.js URL TRANSPORT CONVERSATION [OPTIONS]
// Prints one line of JSON and must then come to an end by itself.
'use strict';

const crypto = require('crypto');
const SockJS = require('sockjs-client');

const [url, transport, conversation, json] = process.argv.slice(2);

// A session whose messages can be awaited.
class Client {
  constructor() {
    this.messages = [];
    this.waiting = [];
    this.socket = new SockJS(url, null, { transports: [transport], timeout: 20000 });
    this.opened = new Promise((resolve) => { this.socket.onopen = resolve; });
    this.closed = new Promise((resolve) => {
      this.socket.onclose = ({ code, reason, wasClean }) => {
        this.waiting.forEach(({ reject }) => reject(new Error(`closed: ${code} ${reason}`)));
        resolve({ code, reason, wasClean });
      };
    });
    this.socket.onmessage = ({ data }) => {
      const next = this.waiting.shift();
      if (next) next.resolve(data);
      else this.messages.push(data);
    };
  }

  receive() {
    if (this.messages.length) return Promise.resolve(this.messages.shift());
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }
}

// Redis's protocol over messages of base64.
class Redis {
  constructor(client) {
    this.client = client;
    this.chunks = [];
    this.size = 0;
  }

  send(...words) {
    const parts = [Buffer.from(`*${words.length}\r\n`)];
    for (const word of words) {
      const bytes = Buffer.from(word);
      parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
    }
    const command = Buffer.concat(parts);
    const limit = 384 * 1024;
    for (let at = 0; at < command.length; at += limit) {
      this.client.socket.send(command.subarray(at, at + limit).toString('base64'));
    }
  }

  async read(count) {
    while (this.size < count) {
      const chunk = Buffer.from(await this.client.receive(), 'base64');
      this.chunks.push(chunk);
      this.size += chunk.length;
    }
    const all = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
    this.chunks = [all.subarray(count)];
    this.size = all.length - count;
    return all.subarray(0, count);
  }

  async line() {
    let line = '';
    while (!line.endsWith('\r\n')) line += (await this.read(1)).toString('latin1');
    return line.slice(0, -2);
  }

  async reply() {
    const line = await this.line();
    if (line[0] !== '$') return line;
    const bulk = await this.read(Number(line.slice(1)) + 2);
    return bulk.subarray(0, -2);
  }
}

const conversations = {
  // Small commands, one after the other and many at once, and bytes of every value.
  async redis(client) {
    const redis = new Redis(client);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    redis.send('PING');
    const pong = await redis.reply();
    redis.send('SET', bytes, bytes);
    const stored = await redis.reply();
    redis.send('GET', bytes);
    const intact = bytes.equals(await redis.reply());
    for (let count = 0; count < 1000; count += 1) redis.send('INCR', 'counter');
    const counted = [];
    for (let count = 0; count < 1000; count += 1) counted.push(await redis.reply());
    const inOrder = counted.every((reply, index) => reply === `:${index + 1}`);
    redis.send('QUIT');
    return { pong, stored, intact, inOrder, quit: await redis.reply(), ...await client.closed };
  },

  // As many bytes as the options say into Redis, and back: in pieces that are each awaited,
  // since the client puts all that waits into one request, or all at once.
  async redisLarge(client, { size, piece }) {
    const redis = new Redis(client);
    const bytes = crypto.randomBytes(size);
    let stored;
    for (let at = 0; at < size; at += piece) {
      redis.send('APPEND', 'large', bytes.subarray(at, at + piece));
      stored = await redis.reply();
    }
    redis.send('GET', 'large');
    const intact = bytes.equals(await redis.reply());
    client.socket.close();
    return { stored, intact };
  },

  // As many bytes as the options say, all at once, and then the end.
  async pour(client, { size, piece }) {
    const bytes = crypto.randomBytes(size);
    for (let at = 0; at < size; at += piece) {
      client.socket.send(bytes.subarray(at, at + piece).toString('base64'));
    }
    client.socket.close();
    return { sha256: crypto.createHash('sha256').update(bytes).digest('hex') };
  },

  // A mail, line by line, up to the end that the server makes of it.
  async smtp(client, { mail }) {
    const answer = async () => {
      let line;
      do line = await client.receive(); while (line[3] === '-');
      return line.slice(0, 3);
    };
    const codes = [await answer()];
    for (const line of ['EHLO page.example', 'MAIL FROM:<me@page.example>',
      'RCPT TO:<you@mail.example>', 'DATA', `${mail.join('\r\n')}\r\n.`, 'QUIT']) {
      line.split('\r\n').forEach((each) => client.socket.send(each));
      codes.push(await answer());
    }
    return { codes, ...await client.closed };
  },

  // Nothing said: how it ends by itself.
  async silence(client) {
    return client.closed;
  },

  // The first message, and then how it ends.
  async listen(client, { send }) {
    if (send) client.socket.send(send);
    return { first: await client.receive(), ...await client.closed };
  },
};

const client = new Client();
client.opened
  .then(() => conversations[conversation](client, JSON.parse(json || '{}')))
  .then((result) => console.log(JSON.stringify(result)))
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
