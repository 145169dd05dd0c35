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
// It connects again when the connection is lost, joins its rooms again from where it
// stood, and hands on each message once. It needs sockjs-client: the global SockJS, or
// the option SockJS. Its types are in rooms.d.ts.

// Milliseconds before the first attempt to connect again, and the most there are before a
// later one: each waits twice as long as the one before, by a random half.
const FIRST_DELAY = 500;
const MOST_DELAY = 30000;

// Milliseconds of silence after which the connection is taken to be lost. A server says
// something every 25 seconds.
const SILENCE = 60000;

// Milliseconds that a message waits to be sent while the room is away.
const TIMEOUT = 10000;

// Codes with which an application has closed for good: there is no use in coming again.
const isFinal = (code) => code >= 4000 && code <= 4999;

/** What was asked of a room could not be done. */
export class RoomsError extends Error {
  constructor(code, message, uncertain = false) {
    super(message);
    this.name = "RoomsError";
    this.code = code;
    this.uncertain = uncertain;
  }
}

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
  #requests = new Map();
  #lastId = 0;
  #online = () => this.#connectNow();

  constructor(url, options = {}) {
    super();
    this.#url = url;
    this.#options = {
      firstDelay: FIRST_DELAY,
      maxDelay: MOST_DELAY,
      silence: SILENCE,
      timeout: TIMEOUT,
      isFinal,
      ...options,
    };
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
  drop() {
    const socket = this.#socket;
    if (socket === null) return;
    this.#lost(1006, "The connection was dropped.");
    socket.close();
  }

  // For the rooms.
  #inside = {
    request: (fields) => this.#request(fields),
    timeout: () => this.#options.timeout,
    forget: (room) => {
      if (this.#rooms.get(room.name) === room) this.#rooms.delete(room.name);
    },
    rejoin: (room) => {
      setTimeout(() => {
        if (this.#open && this.#rooms.get(room.name) === room) this.#join(room);
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

  #connectNow() {
    if (this.#retry === null) return;
    clearTimeout(this.#retry);
    this.#connect();
  }

  #opened() {
    this.#open = true;
    this.#heard();
    this.#tell("open", {});
    for (const room of [...this.#rooms.values()]) this.#join(room);
  }

  #join(room) {
    this.#send(room.wish());
  }

  #request(fields) {
    if (!this.#open) {
      return Promise.reject(new RoomsError("disconnected", "There is no connection."));
    }
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { resolve, reject });
      this.#send({ ...fields, id });
    });
  }

  #send(fields) {
    this.#socket.send(JSON.stringify(fields));
  }

  #heard() {
    clearTimeout(this.#silence);
    const { silence } = this.#options;
    if (silence) this.#silence = setTimeout(() => this.drop(), silence);
  }

  #received(data) {
    this.#heard();
    this.#failures = 0;
    const message = JSON.parse(data);
    const asked = this.#requests.get(message.id);
    if (asked !== undefined) {
      this.#requests.delete(message.id);
      if (message.type === "error") asked.reject(refusal(message));
      else asked.resolve(message);
      if (message.type !== "presence") return;
    }
    this.#rooms.get(message.room)?.told(message);
  }

  #lost(code, reason) {
    this.#socket = null;
    this.#open = false;
    clearTimeout(this.#silence);
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const { reject } of requests) {
      reject(new RoomsError("disconnected", "The connection was lost.", true));
    }
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

/** One room, as long as it is wanted. Made by Rooms.join. */
export class Room extends EventTarget {
  #inside;
  #options;
  #state = "joining"; // joining, joined, away, over
  #members = new Map();
  #total = 0;
  #waiting = new Set();
  #before = false; // whether it was joined before

  constructor(inside, name, options) {
    super();
    this.#inside = inside;
    this.#options = options;
    this.name = name;
    this.member = undefined;
    this.position = options.since ?? null;
  }

  /** "joining", "joined", "away" (it will be joined again), or "over". */
  get state() {
    return this.#state;
  }

  /** Who is present, as far as it was told, if it asked for presence. */
  get members() {
    return [...this.#members.values()];
  }

  /** Resolves when the room is joined; now, if it is. */
  get joined() {
    if (this.#state === "joined") return Promise.resolve(this);
    return this.#wait(null);
  }

  /**
   * Publish a text. Resolves with its position (undefined in a room without a history)
   * once the server has taken it. It waits for the room to be joined, for a while.
   */
  async publish(text) {
    if (this.#state !== "joined") await this.#wait(this.#inside.timeout());
    const answer = await this.#inside.request({ type: "publish", room: this.name, text });
    return answer.position;
  }

  /** Leave, and join no more. */
  async leave() {
    if (this.#state === "over") return;
    const joined = this.#state === "joined" || this.#state === "joining";
    this.over(new RoomsError("left", `You have left room ${JSON.stringify(this.name)}.`));
    if (!joined) return;
    try {
      await this.#inside.request({ type: "leave", room: this.name });
    } catch (error) {
      // Without a connection there is nothing left to leave.
      if (error.code !== "disconnected") throw error;
    }
  }

  // For Rooms

  /** What asks the server to let it in. */
  wish() {
    const { info, presence, recent } = this.#options;
    this.#state = "joining";
    const wish = { type: "join", room: this.name, info, presence };
    if (this.position !== null) wish.since = this.position;
    else if (recent) wish.recent = recent;
    return wish;
  }

  /** The connection is lost. */
  away() {
    this.#state = "away";
    this.#tell("away", {});
  }

  /** It is over. */
  over(error) {
    this.#state = "over";
    this.#inside.forget(this);
    for (const { reject } of this.#release()) reject(error);
  }

  /** The server has told something of it. */
  told(message) {
    const { type } = message;
    if (type === "message") {
      if (!this.#passed(message.position)) return;
      this.#tell("message", { text: message.text, position: message.position });
    } else if (type === "joined") {
      this.#joined(message);
    } else if (type === "gap") {
      if (message.position !== undefined) this.position = message.position;
      this.#tell("gap", { position: message.position });
    } else if (type === "memberJoined") {
      if (!this.#members.has(message.member.id)) this.#total += 1;
      this.#members.set(message.member.id, message.member);
      this.#present();
    } else if (type === "memberLeft") {
      if (this.#members.delete(message.member.id)) this.#total -= 1;
      this.#present();
    } else if (type === "presence") {
      this.#members = new Map(message.members.map((member) => [member.id, member]));
      this.#total = message.total;
      this.#present();
    } else if (type === "error" && message.request === "join") {
      this.#refused(refusal(message));
    }
  }

  #joined(message) {
    this.#state = "joined";
    this.member = message.member;
    // Who comes for the first time has missed nothing.
    const first = !this.#before && this.position === null;
    const recovered = first || message.recovered === true;
    this.#before = true;
    if (message.position !== undefined) this.position = message.position;
    this.#tell("joined", { member: message.member, position: message.position, recovered });
    for (const { resolve } of this.#release()) resolve(this);
    if (this.#options.presence) {
      this.#inside.request({ type: "presence", room: this.name }).catch((error) => {
        if (error.code !== "disconnected") this.#tell("error", { error });
      });
    }
  }

  #refused(error) {
    this.#tell("error", { error });
    if (error.code === "unavailable") this.#inside.rejoin(this);
    else this.over(error);
  }

  // Whether a position is behind the last one, which it becomes then.
  #passed(position) {
    if (position === undefined) return true;
    if (this.position !== null) {
      const [epoch, offset] = position.split(":");
      const [lastEpoch, lastOffset] = this.position.split(":");
      if (epoch === lastEpoch && Number(offset) <= Number(lastOffset)) return false;
    }
    this.position = position;
    return true;
  }

  #present() {
    this.#tell("presence", { members: this.members, total: this.#total });
  }

  // Resolves when it is joined; within so many milliseconds, if there are any.
  #wait(timeout) {
    if (this.#state === "over") {
      const name = JSON.stringify(this.name);
      return Promise.reject(new RoomsError("left", `You are not in room ${name}.`));
    }
    return new Promise((resolve, reject) => {
      const waiting = { resolve, reject, timer: null };
      this.#waiting.add(waiting);
      if (timeout !== null) {
        waiting.timer = setTimeout(() => {
          this.#waiting.delete(waiting);
          const seconds = timeout / 1000;
          const why = `The room was away for ${seconds} seconds; nothing was sent.`;
          reject(new RoomsError("disconnected", why));
        }, timeout);
      }
    });
  }

  #release() {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const { timer } of waiting) clearTimeout(timer);
    return waiting;
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function refusal({ code, message }) {
  return new RoomsError(code, message, code === "unavailable");
}
