// Rooms over SockJS, for pages: the browser's side of txsockjs.rooms.RoomsFactory.
//
//   import { Rooms } from "./rooms.js";
//
//   const rooms = new Rooms("/rooms");
//   const lobby = rooms.join("lobby", { info: { name: "ada" }, presence: true, recent: 20 });
//   lobby.addEventListener("message", ({ detail }) => show(detail.text));
//   lobby.addEventListener("presence", ({ detail }) => showMembers(detail.members));
//   await lobby.publish("hello");
//
// It connects again when the connection is lost, or has lost something, as a poll can
// while its session lives on; joins its rooms again from where it stood, and hands on each
// message once. It needs sockjs-client: the global SockJS, or the option SockJS. Its types
// are in rooms.d.ts.

import { Room, RoomsError, refusal } from "./room.js";

export { Room, RoomsError } from "./room.js";

const DEFAULTS = {
  // Milliseconds before the first attempt to connect again, and the most there are before a
  // later one: each waits twice as long as the one before, by a random half.
  firstDelay: 500,
  maxDelay: 30000,
  // Milliseconds of silence after which the connection is taken to be lost. A server says
  // something every 25 seconds.
  silence: 60000,
  // Milliseconds that a message waits to be sent while the room is away.
  timeout: 10000,
  // Milliseconds of waiting for an answer after which it is taken to be lost.
  answerTimeout: 30000,
  // Milliseconds after which, over HTTP, the server is asked again how far it has come, once
  // something is heard of it: that what came last is lost shows in nothing else.
  checkDelay: 20000,
  // Codes with which an application has closed for good: it is of no use to come again.
  isFinal: (code) => code >= 4000 && code <= 4999,
};

// How many requests are under way at the most: as many as a server knows if a browser sends
// them again.
const MOST_ASKED = 64;

/** The rooms of one service, over one connection at a time. */
export class Rooms extends EventTarget {
  #url;
  #options;
  #rooms = new Map();
  #socket = null;
  #open = false;
  #closed = false;
  #failures = 0;
  #retry = null;
  #silence = null;
  #requests = new Map(); // what was asked and not answered, by its id, the oldest first
  #leaves = new Map(); // the id that leaving a room had last, by its name
  #lastId = 0;
  #unsent = []; // those of them that wait until others are answered
  #checked = 0; // when it was asked last how far the server has come
  #answer = null;
  #spoke = false; // whether anything was said since the oldest request is waited for
  #online = () => {
    if (this.#retry === null) return;
    clearTimeout(this.#retry);
    this.#connect();
  };

  constructor(url, options = {}) {
    super();
    this.#url = url;
    this.#options = { ...DEFAULTS, ...options };
    globalThis.addEventListener?.("online", this.#online);
    this.#connect();
  }

  /** Whether it is connected now. */
  get connected() {
    return this.#open;
  }

  /** The rooms that it is in or wants to be in, by name. */
  get rooms() {
    return new Map(this.#rooms);
  }

  /** Join a room, now and whenever the connection is made again. */
  join(name, options = {}) {
    if (this.#closed) throw new RoomsError("closed", "These rooms are closed.");
    if (this.#rooms.has(name)) {
      throw new RoomsError("alreadyMember", `Room ${JSON.stringify(name)} is joined.`);
    }
    const room = new Room(this.#inside, name, options);
    this.#rooms.set(name, room);
    if (this.#open) this.#join(room);
    return room;
  }

  /** Leave all rooms, and connect no more. */
  close(code = 1000, reason = "") {
    if (this.#closed) return;
    const socket = this.#socket;
    this.#end();
    this.#lost(code, reason);
    socket?.close(code, reason);
  }

  /** Drop the connection as a network would, and go on. */
  drop(reason = "The connection was dropped.") {
    const socket = this.#socket;
    if (socket === null) return;
    this.#lost(1006, reason);
    socket.close();
  }

  // For the rooms.
  #inside = {
    request: (fields) => this.#request(fields),
    lose: () => this.drop("Something was lost on the way."),
    timeout: () => this.#options.timeout,
    forget: (room) => {
      if (this.#rooms.get(room.name) === room) this.#rooms.delete(room.name);
    },
    rejoin: (room) => {
      room.away();
      // Over another connection it is joined anyway.
      const socket = this.#socket;
      setTimeout(() => {
        if (socket === this.#socket && this.#rooms.get(room.name) === room) this.#join(room);
      }, this.#delay());
    },
  };

  #connect() {
    this.#retry = null;
    let socket;
    try {
      socket = this.#options.connect ? this.#options.connect() : this.#sockJS();
    } catch (error) {
      // Nothing was connected, and nobody is there to call back.
      this.#again(1006, String(error));
      return;
    }
    this.#socket = socket;
    // One that was given up may still speak.
    const current = (handle) => (event) => socket === this.#socket && handle(event);
    socket.onopen = current(() => this.#opened());
    socket.onmessage = current((event) => this.#received(event.data));
    socket.onheartbeat = current(() => this.#heard());
    socket.onclose = current((event) => this.#lost(event.code, event.reason));
    // Not before it is open: until then it is SockJS that gives up.
  }

  #sockJS() {
    const SockJS = this.#options.SockJS ?? globalThis.SockJS;
    if (SockJS === undefined) {
      throw new RoomsError("closed", "There is no SockJS: load sockjs-client first.");
    }
    const { transports } = this.#options;
    return new SockJS(this.#url, null, transports ? { transports } : {});
  }

  #opened() {
    this.#open = true;
    this.#checked = Date.now();
    this.#heard();
    for (const room of this.#rooms.values()) this.#join(room);
    this.#tell("open", {});
  }

  #join(room) {
    this.#ask(room.wish(), { room, answered: (message) => room.told(message) });
  }

  async #request(fields) {
    if (!this.#open) throw new RoomsError("disconnected", "There is no connection.");
    const asking = (answered, reject) => this.#ask(fields, { answered, reject });
    const answer = await new Promise(asking);
    if (answer.type === "error") throw refusal(answer);
    return answer;
  }

  #ask(fields, asked) {
    const id = ++this.#lastId;
    this.#requests.set(id, asked);
    if (fields.type === "leave") this.#leaves.set(fields.room, id);
    if (this.#requests.size === 1) this.#await();
    this.#unsent.push(JSON.stringify({ ...fields, id }));
    this.#send();
  }

  #send() {
    while (this.#unsent.length > Math.max(0, this.#requests.size - MOST_ASKED)) {
      this.#socket.send(this.#unsent.shift());
    }
  }

  // Whoever has asked, the oldest first, gets an answer, or the connection is lost.
  #await() {
    clearTimeout(this.#answer);
    this.#spoke = false;
    const { answerTimeout } = this.#options;
    if (!answerTimeout || this.#requests.size === 0) return;
    this.#answer = setTimeout(() => this.#late(), answerTimeout);
  }

  #late() {
    if (!this.#spoke) {
      this.drop("There was no answer in time.");
      return;
    }
    // It is still to come, behind what comes now; or it was lost, and that shows when the
    // next one is there.
    this.#check();
    this.#await();
  }

  // What was said before the answer was on its way before it.
  #check() {
    this.#checked = Date.now();
    this.#ask({ type: "positions" }, {
      answered: ({ rooms }) => {
        for (const name in rooms) this.#rooms.get(name)?.check(rooms[name]);
      },
    });
  }

  #heard() {
    clearTimeout(this.#silence);
    const { silence } = this.#options;
    if (silence) this.#silence = setTimeout(() => this.drop(), silence);
    const { checkDelay } = this.#options;
    const due = checkDelay && Date.now() - this.#checked >= checkDelay;
    const { transport } = this.#socket;
    if (!due || !transport || transport === "websocket") return;
    if ([...this.#rooms.values()].some(({ position }) => position !== null)) this.#check();
  }

  #received(data) {
    this.#heard();
    this.#failures = 0;
    this.#spoke = true;
    const message = JSON.parse(data);
    // What is told who has joined has the room, and no id.
    const joins = ([, { room }]) => room?.name === message.room;
    const id = message.type === "joined" ? [...this.#requests].find(joins)?.[0] : message.id;
    const asked = this.#requests.get(id);
    if (asked !== undefined) {
      const [oldest] = this.#requests.keys();
      this.#requests.delete(id);
      this.#send();
      if (this.#leaves.get(message.room) === id) this.#leaves.delete(message.room);
      asked.answered(message);
      // They are answered in their order.
      if (id !== oldest) this.drop("An answer was lost on the way.");
      else this.#await();
      if (message.type !== "presence") return;
    } else if (message.id !== undefined) {
      // It was answered before: a browser has sent it again; or a room has ended.
      if (message.type === "error") this.#rooms.get(message.room)?.undone(message);
      return;
    }
    // What comes before a room is left is not for one of that name that is joined after it.
    if (this.#requests.has(this.#leaves.get(message.room))) return;
    this.#rooms.get(message.room)?.told(message);
  }

  #lost(code, reason) {
    this.#socket = null;
    this.#open = false;
    clearTimeout(this.#silence);
    clearTimeout(this.#answer);
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    this.#unsent = [];
    this.#leaves.clear();
    const error = new RoomsError("disconnected", "The connection was lost.", true);
    for (const { reject } of requests) reject?.(error);
    for (const room of [...this.#rooms.values()]) room.away();
    if (!this.#closed && this.#options.isFinal(code)) this.#end();
    this.#again(code, reason);
  }

  #again(code, reason) {
    let delay = null;
    if (this.#closed) {
      const error = new RoomsError("closed", reason || `Closed with code ${code}.`);
      for (const room of [...this.#rooms.values()]) room.over(error);
      this.#rooms.clear();
    } else {
      delay = this.#delay();
      this.#failures += 1;
      this.#retry = setTimeout(() => this.#connect(), delay);
    }
    this.#tell("close", { code, reason, delay });
  }

  #end() {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#retry = null;
    globalThis.removeEventListener?.("online", this.#online);
  }

  #delay() {
    const { firstDelay, maxDelay } = this.#options;
    const delay = Math.min(maxDelay, firstDelay * 2 ** Math.min(this.#failures, 30));
    return delay * (0.5 + Math.random() / 2);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
