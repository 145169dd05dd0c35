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
  // Codes with which an application has closed for good: it is of no use to come again.
  isFinal: (code) => code >= 4000 && code <= 4999,
};

// How often a room comes back for what is missing at one place, before that is a gap.
const MOST_LOSSES = 3;

// What is told of a room to those who are in.
const EVENTS = new Set(["message", "gap", "memberJoined", "memberLeft", "presence"]);

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
  #requests = new Map(); // what was asked and not answered, by its id, the oldest first
  #leaves = new Map(); // the id that leaving a room had last, by its name
  #lastId = 0;
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
    this.#socket.send(JSON.stringify({ ...fields, id }));
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
    // next one is there. To leave a room that one is not in is a question like any other.
    let room = "?";
    while (this.#rooms.has(room)) room += "?";
    this.#request({ type: "leave", room }).catch(() => {});
    this.#await();
  }

  #heard() {
    clearTimeout(this.#silence);
    const { silence } = this.#options;
    if (silence) this.#silence = setTimeout(() => this.drop(), silence);
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
      if (this.#leaves.get(message.room) === id) this.#leaves.delete(message.room);
      asked.answered(message);
      // They are answered in their order.
      if (id !== oldest) this.drop("An answer was lost on the way.");
      else this.#await();
      if (message.type !== "presence") return;
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

/** One room, as long as it is wanted. Made by Rooms.join. */
export class Room extends EventTarget {
  #inside;
  #options;
  #state = "joining"; // joining, joined, away, over
  #members = new Map();
  #total = 0;
  #waiting = new Set();
  #before = false; // whether it was joined before
  #losses = 0; // how often in a row something was lost
  #lostAt; // and where: after this position; null: before it was in

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

  /** It is lost, until it is joined again. */
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
    if (this.#state === "over") return;
    if (type === "joined") this.#joined(message);
    else if (type === "error" && message.request === "join") this.#refused(refusal(message));
    // It would have been told first that it is in.
    else if (EVENTS.has(type) && this.#state === "joining") this.#missed(null);
    else if (EVENTS.has(type) && this.#state === "joined") this.#happened(message);
  }

  #happened({ type, text, position, member, members, total }) {
    if (type === "message") {
      if (this.#follows(position)) this.#tell(type, { text, position });
      return;
    }
    if (type === "gap") {
      this.position = position ?? this.position;
      this.#tell(type, { position });
      return;
    }
    if (type === "presence") {
      this.#members = new Map(members.map((each) => [each.id, each]));
      this.#total = total;
    } else if (type === "memberLeft") {
      if (this.#members.delete(member.id)) this.#total -= 1;
    } else {
      if (!this.#members.has(member.id)) this.#total += 1;
      this.#members.set(member.id, member);
    }
    this.#tell("presence", { members: this.members, total: this.#total });
  }

  #joined(message) {
    this.#state = "joined";
    this.member = message.member;
    // Who comes for the first time has missed nothing.
    const first = !this.#before && this.position === null;
    const recovered = first || message.recovered === true;
    this.#before = true;
    if (this.#lostAt === null) this.#losses = 0;
    // In a room without a history nothing follows anything.
    this.position = message.position ?? null;
    this.#tell("joined", { member: message.member, position: message.position, recovered });
    for (const { resolve } of this.#release()) resolve(this);
    if (this.#options.presence) {
      this.#inside.request({ type: "presence", room: this.name }).catch((error) => {
        if (error.code !== "disconnected") this.#tell("error", { error });
      });
    }
  }

  #refused(error) {
    if (error.code === "alreadyMember") {
      // A browser may send a request again that it has no answer to, whose first copy was
      // read; what that was answered may be lost.
      if (this.#state === "joined" || this.#missed(null)) return;
    }
    this.#tell("error", { error });
    if (error.code !== "unavailable") this.over(error);
    else this.#inside.rejoin(this);
  }

  // Whether a position is the next one, which is the last one then.
  #follows(position) {
    const last = this.position;
    if (position !== undefined && last !== null) {
      const [epoch, offset] = position.split(":");
      const [lastEpoch, lastOffset] = last.split(":");
      const ahead = epoch === lastEpoch ? offset - lastOffset : Infinity;
      if (ahead <= 0) return false;
      if (ahead > 1) {
        if (this.#missed(last)) return false;
        this.position = `${epoch}:${offset - 1}`;
        this.#tell("gap", { position: this.position });
      }
    }
    this.position = position ?? last;
    return true;
  }

  // Something was lost on the way. Returns whether it comes back for that.
  #missed(where) {
    this.#losses = where === this.#lostAt ? this.#losses + 1 : 1;
    this.#lostAt = where;
    if (this.#losses > MOST_LOSSES) return false;
    this.#inside.lose();
    return true;
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
          const why = `The room was away for ${timeout / 1000} seconds; nothing was sent.`;
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
