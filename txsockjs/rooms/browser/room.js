// One room of rooms.js, which has its connection.

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

  /** What was answered before is refused. */
  undone(message) {
    if (this.#state !== "joined" || message.request !== "join") return;
    if (message.code !== "alreadyMember") this.#refused(refusal(message));
  }

  /** The server has said all of it up to a position. */
  check(position) {
    if (this.#state === "joined" && this.position !== null) this.#complete(position);
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
      // The browser has sent the request again, and the answer to the first is lost.
      if (this.#missed(null)) return;
    }
    this.#tell("error", { error });
    if (error.code !== "unavailable") this.over(error);
    else this.#inside.rejoin(this);
  }

  // Whether a position is the next one, which is the last one then.
  #follows(position) {
    if (position !== undefined && this.position !== null) {
      if (ahead(position, this.position) <= 0) return false;
      const [epoch, offset] = position.split(":");
      if (!this.#complete(`${epoch}:${offset - 1}`)) return false;
    }
    this.position = position ?? this.position;
    return true;
  }

  // Whether it has all up to a position. It comes back for what is missing; or that is a gap.
  #complete(position) {
    if (ahead(position, this.position) <= 0) return true;
    if (this.#missed(this.position)) return false;
    this.position = position;
    this.#tell("gap", { position });
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

// By how many messages a position is behind another one, whose epoch may have ended.
function ahead(position, other) {
  const [epoch, offset] = position.split(":");
  const [otherEpoch, otherOffset] = other.split(":");
  return epoch === otherEpoch ? offset - otherOffset : Infinity;
}

/** An error that the server has told. */
export function refusal({ code, message }) {
  return new RoomsError(code, message, code === "unavailable");
}
