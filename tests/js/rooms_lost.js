// What rooms.js does when something is lost on the way while its session lives on:
//   node rooms_lost.js URL SCENARIO
// URL is that of rooms.js. The sockets and the time are the scenario's own. Prints what
// came of it, one line of JSON.
'use strict';

// Time stands still until it is told to go on.
const clock = { now: 0, timers: new Map(), last: 0 };
globalThis.setTimeout = (call, delay) => {
  clock.last += 1;
  clock.timers.set(clock.last, { call, at: clock.now + delay });
  return clock.last;
};
Date.now = () => clock.now;
globalThis.clearTimeout = (id) => clock.timers.delete(id);

const turn = () => new Promise((resolve) => { setImmediate(resolve); });

async function pass(milliseconds) {
  const end = clock.now + milliseconds;
  for (;;) {
    await turn();
    const due = [...clock.timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at);
    if (due.length === 0) break;
    const [id, { call, at }] = due[0];
    clock.timers.delete(id);
    clock.now = at;
    call();
  }
  clock.now = end;
}

let Rooms;

// The network, and the server behind it, whose part the scenario plays.
class Network {
  constructor(options = {}) {
    this.sockets = [];
    this.closes = [];
    this.transport = 'xhr-polling';
    this.rooms = new Rooms('', {
      connect: () => this.connect(), silence: 0, firstDelay: 100, maxDelay: 100, ...options,
    });
    this.rooms.addEventListener('close', ({ detail }) => this.closes.push(detail.reason));
  }

  connect() {
    const { transport } = this;
    const socket = { transport, sent: [], closed: false, close() { this.closed = true; } };
    socket.send = (text) => socket.sent.push(JSON.parse(text));
    this.sockets.push(socket);
    return socket;
  }

  get socket() {
    return this.sockets[this.sockets.length - 1];
  }

  // The newest connection is there.
  open() {
    this.socket.onopen({});
    return this;
  }

  // Another one is made.
  async again() {
    const before = this.sockets.length;
    await pass(100);
    if (this.sockets.length !== before + 1) throw new Error('It has not connected again once.');
    return this.open();
  }

  says(...messages) {
    const { socket } = this;
    for (const message of messages) socket.onmessage({ data: JSON.stringify(message) });
    return this;
  }

  joined(room, position, recovered) {
    return this.says({ type: 'joined', room, position, recovered });
  }

  published(room, ...positions) {
    return this.says(...positions.map((position) => ({ type: 'message', room, position, text: `said ${position}` })));
  }

  answers(type, nth = -1, more = {}) {
    const { id, room } = this.asked(type).at(nth);
    return this.says({ type: { publish: 'published', leave: 'left' }[type] ?? type, id, room, ...more });
  }

  // A heartbeat, behind 25 seconds of silence. What is asked then.
  async beats() {
    await pass(25000);
    const { sent } = this.socket;
    const before = sent.length;
    this.socket.onheartbeat({});
    return sent.slice(before).map(({ type }) => type);
  }

  // How far the server has come in each room.
  stands(rooms) {
    const { id } = this.asked('positions').at(-1);
    return this.says({ type: 'positions', rooms, id });
  }

  // What was asked over the newest connection, of one type.
  asked(type) {
    return this.socket.sent.filter((request) => request.type === type);
  }

  // The room, and what it tells.
  join(name, options) {
    const room = this.rooms.join(name, options);
    const told = [];
    room.addEventListener('message', ({ detail }) => told.push(detail.position ?? detail.text));
    room.addEventListener('gap', ({ detail }) => told.push(`gap ${detail.position}`));
    room.addEventListener('joined', ({ detail }) => told.push(`joined ${detail.recovered}`));
    room.addEventListener('away', () => told.push('away'));
    room.addEventListener('error', ({ detail }) => told.push(`error ${detail.error.code}`));
    return { room, told };
  }
}

const since = (network) => Object.fromEntries(
  network.asked('join').map((request) => [request.room, request.since ?? null]));

// How a promise has ended.
function end(promise) {
  const state = { is: 'open' };
  promise.then(
    (value) => { state.is = value ?? 'done'; },
    (error) => { state.is = `${error.code}${error.uncertain ? ', uncertain' : ''}`; });
  return state;
}

const scenarios = {
  async hole() {
    const network = new Network();
    const { told } = network.join('a');
    network.open().joined('a', 'e:0').published('a', 'e:1', 'e:2', 'e:4', 'e:5');
    const { closed } = network.socket;
    await network.again();
    const wish = since(network);
    network.joined('a', 'e:2', true).published('a', 'e:3', 'e:4', 'e:4', 'e:5', 'e:6');
    return { told, closed, wish, closes: network.closes };
  },

  async epoch() {
    const network = new Network();
    const { told } = network.join('a');
    network.open().joined('a', 'e:7').says({ type: 'gap', room: 'a', position: 'f:4' });
    network.published('a', 'f:5', 'g:6');
    await network.again();
    const wish = since(network);
    network.joined('a', 'g:5', false).published('a', 'g:6');
    return { told, wish };
  },

  async rooms() {
    const network = new Network();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => network.join(name));
    network.open().joined('a', 'e:0').joined('b', 'f:5').joined('c');
    network.published('a', 'e:1').published('b', 'f:6').published('c', undefined);
    network.published('a', 'e:3').published('b', 'f:7');
    await network.again();
    const wish = since(network);
    network.joined('a', 'e:1', true).published('a', 'e:2', 'e:3');
    network.joined('b', 'f:6', true).published('b', 'f:7').joined('c', undefined, false);
    return { told: [a.told, b.told, c.told], wish };
  },

  // A server that does not have what is missing, and does not say so.
  async stubborn() {
    const network = new Network();
    const { told } = network.join('a');
    network.open().joined('a', 'e:1').published('a', 'e:4');
    for (let time = 0; time < 3; time += 1) {
      (await network.again()).joined('a', 'e:1', true).published('a', 'e:4');
    }
    network.published('a', 'e:5');
    await pass(1000);
    return { told, connections: network.sockets.length };
  },

  async answer() {
    const network = new Network();
    const { room } = network.join('a', { presence: true });
    network.open().joined('a', 'e:0').answers('presence', -1, { members: [], total: 0 });
    const [publish, leave] = [end(room.publish('x')), end(room.leave())];
    await pass(29999);
    const before = [publish.is, leave.is, network.socket.closed];
    await pass(1);
    return { before, after: [publish.is, leave.is, network.sockets[0].closed], closes: network.closes };
  },

  async never() {
    const network = new Network({ answerTimeout: 0 });
    const { room } = network.join('a');
    network.open().joined('a', 'e:0');
    const publish = end(room.publish('x'));
    await pass(600000);
    return { is: publish.is, timers: clock.timers.size };
  },

  async order() {
    const network = new Network();
    const { room } = network.join('a');
    network.open().joined('a', 'e:0');
    const said = [end(room.publish('x')), end(room.publish('y')), end(room.publish('z'))];
    await turn();
    network.answers('publish', 1, { position: 'e:2' });
    await turn();
    return { said: said.map(({ is }) => is), closes: network.closes };
  },

  // There is always something that comes.
  async busy() {
    const network = new Network({ checkDelay: 0 });
    const { room, told } = network.join('a');
    network.open().joined('a', 'e:0');
    let offset = 0;
    const hear = async (times) => {
      for (let time = 0; time < times; time += 1) {
        network.published('a', `e:${(offset += 1)}`);
        await pass(5000);
      }
    };
    const slow = end(room.publish('x'));
    await hear(7);
    const probes = network.asked('positions').length;
    network.answers('publish', 0, { position: 'e:1' }).stands({ a: 'e:7' });
    await hear(7);
    const lost = end(room.publish('y'));
    await hear(7);
    const before = [lost.is, network.socket.closed];
    network.stands({ a: `e:${offset}` });
    await turn();
    return { slow: slow.is, probes, before, lost: lost.is, closes: network.closes, told };
  },

  async join() {
    const network = new Network();
    const { room, told } = network.join('a', { recent: 5 });
    const joined = end(room.joined.then(() => undefined));
    network.open();
    await pass(30000);
    // And once more, which the next message tells.
    (await network.again()).published('a', 'e:3');
    const { closed } = network.socket;
    await network.again();
    const { recent } = network.asked('join')[0];
    network.joined('a', 'e:1', false).published('a', 'e:2', 'e:3');
    await turn();
    return { told, closed, recent, joined: joined.is, closes: network.closes };
  },

  // A browser has sent a request twice.
  async twice() {
    const network = new Network();
    const { told } = network.join('a');
    const refuse = () => {
      const { id } = network.asked('join')[0];
      network.says({ type: 'error', request: 'join', room: 'a', code: 'alreadyMember', message: 'no', id });
    };
    network.open().joined('a', 'e:0');
    refuse();
    network.published('a', 'e:1');
    network.rooms.drop();
    await network.again();
    refuse();
    const { closed } = network.socket;
    (await network.again()).joined('a', 'e:1', true).published('a', 'e:2');
    network.rooms.drop();
    for (let time = 0; time < 4; time += 1) {
      await network.again();
      refuse();
      if (network.rooms.rooms.size === 0) break;
    }
    return { told, closed, connections: network.sockets.length };
  },

  // What is said of a room that was left is not for the one that is joined after it.
  async anew() {
    const network = new Network();
    const old = network.join('a');
    network.open();
    const left = end(old.room.leave());
    const { room, told } = network.join('a');
    network.joined('a', 'e:1').published('a', 'e:2');
    const { state } = room;
    network.answers('leave').joined('a', 'e:2').published('a', 'e:3');
    await turn();
    return { told, old: old.told, state, left: left.is };
  },

  // A request was sent twice, and the answer to the first has come, or was lost.
  async again() {
    const network = new Network();
    const old = network.join('a');
    network.open().joined('a', 'e:0');
    await network.beats();
    const said = end(old.room.publish('x'));
    const left = end(old.room.leave());
    await turn();
    const { room, told } = network.join('a', { since: 'e:0' });
    // That was where the room stood that is left.
    network.stands({ a: 'e:1' });
    network.answers('publish', 0, { position: 'e:1' }).answers('publish', 0, { position: 'e:1' });
    network.answers('leave').answers('leave');
    const { id } = network.asked('join')[0];
    network.says({ type: 'error', request: 'join', room: 'a', code: 'alreadyMember', message: 'no', id });
    await turn();
    const { state } = room;
    network.joined('a', 'e:1');
    await turn();
    return { said: said.is, left: left.is, told, state, closes: network.closes };
  },

  // As many requests are under way as a server knows when they come again.
  async many() {
    const network = new Network();
    const { room } = network.join('a');
    network.open().joined('a', 'e:0');
    const said = Array.from({ length: 70 }, (_, number) => end(room.publish(`${number}`)));
    const left = end(room.leave());
    await turn();
    const sent = [network.asked('publish').length];
    network.answers('publish', 0, { position: 'e:1' });
    sent.push(network.asked('publish').length);
    for (let number = 1; number < 69; number += 1) network.answers('publish', number, { position: `e:${number + 1}` });
    await turn();
    sent.push(network.asked('publish').length, network.asked('leave').length);
    const texts = network.asked('publish').map(({ text }) => Number(text));
    network.answers('publish', 69, { position: 'e:70' }).answers('leave');
    const other = network.join('b').room;
    network.joined('b', 'e:0');
    const lost = Array.from({ length: 70 }, () => end(other.publish('x')));
    await turn();
    network.rooms.drop();
    await network.again();
    network.joined('b', 'e:0', true);
    await turn();
    return {
      sent,
      ordered: texts.every((text, number) => text === number),
      said: [said[0].is, said[69].is, lost[0].is, lost[69].is],
      left: left.is,
      after: network.socket.sent.map(({ type }) => type),
    };
  },

  // What comes last is lost.
  async last() {
    const network = new Network();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => network.join(name));
    network.open().joined('a', 'e:1').joined('b', 'f:5').joined('c');
    network.published('a', 'e:2').published('b', 'f:6');
    const asked = [await network.beats()];
    network.stands({ a: 'e:2', b: 'f:6' });
    asked.push(await network.beats());
    // This one was said behind the answer, and that before it.
    network.published('b', 'f:7').stands({ a: 'e:2', b: 'f:7' }).published('a', 'e:3');
    asked.push(await network.beats());
    network.stands({ a: 'e:5', b: 'f:7' });
    const closes = [...network.closes];
    await network.again();
    const wish = since(network);
    network.joined('a', 'e:3', true).published('a', 'e:4', 'e:5').joined('b', 'f:7', true).joined('c');
    return { told: [a.told, b.told, c.told], asked, closes, wish };
  },

  // The epoch has ended, and what says so is lost. The server cannot say what is missing.
  async ended() {
    const network = new Network();
    const { told } = network.join('a');
    network.open().joined('a', 'e:1');
    for (let time = 0; time < 4; time += 1) {
      await network.beats();
      network.stands({ a: 'f:2' });
      if (network.closes.length === time) break;
      (await network.again()).joined('a', 'e:1', true);
    }
    network.published('a', 'f:3');
    return { told, connections: network.sockets.length };
  },

  // When it is asked: no more often than that, and where there is something to ask.
  async when() {
    const asked = {};
    const run = async (name, transport, options, position, room) => {
      const network = new Network(options);
      network.transport = transport;
      network.sockets.length = 0;
      network.rooms.drop();
      await network.again();
      network.join('a');
      network.joined('a', position);
      await room?.(network);
      asked[name] = network.asked('positions').length || await network.beats();
      network.rooms.close();
    };
    await run('polling', 'xhr-polling', {}, 'e:0');
    await run('websocket', 'websocket', {}, 'e:0');
    await run('plain', undefined, {}, 'e:0');
    await run('none', 'xhr-polling', {}, undefined);
    await run('never', 'xhr-polling', { checkDelay: 0 }, 'e:0');
    // There is always something that comes, and never a heartbeat.
    await run('busy', 'xhr-streaming', {}, 'e:0', async (network) => {
      for (let offset = 1; offset <= 9; offset += 1) {
        await pass(5000);
        network.published('a', `e:${offset}`);
      }
    });
    return asked;
  },

  // Who joins a room when the connection is there asks for it once.
  async opening() {
    const network = new Network();
    network.join('a');
    network.rooms.addEventListener('open', () => network.rooms.join('b'));
    network.open();
    return network.asked('join').map(({ room }) => room);
  },

  async unavailable() {
    const network = new Network({ firstDelay: 200, maxDelay: 200 });
    const { room, told } = network.join('a');
    const refuse = () => network.says({
      type: 'error', request: 'join', room: 'a', code: 'unavailable', message: 'no', id: network.asked('join').at(-1).id,
    });
    network.open().joined('a', 'e:0');
    refuse();
    // The browser has sent it again.
    refuse();
    const { state } = room;
    await pass(200);
    const joins = network.asked('join').length;
    // It is connected again before the room would have been asked for again.
    Math.random = () => 1;
    refuse();
    Math.random = () => 0;
    network.sockets[0].onclose({ code: 1006, reason: '' });
    (await network.again()).joined('a', 'e:0', true);
    await pass(1000);
    return { told, state, joins, after: network.asked('join').length };
  },
};

async function main() {
  const [url, name] = process.argv.slice(2);
  ({ Rooms } = await import(url));
  console.log(JSON.stringify(await scenarios[name]()));
}

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
