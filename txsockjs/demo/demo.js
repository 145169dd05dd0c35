"use strict";

const TRANSPORTS = [
  "websocket",
  "xhr-streaming",
  "xdr-streaming",
  "eventsource",
  "iframe-eventsource",
  "htmlfile",
  "iframe-htmlfile",
  "xhr-polling",
  "xdr-polling",
  "iframe-xhr-polling",
  "jsonp-polling",
];

const SERVICES = [
  {
    name: "echo",
    about: "Sends back what it is sent.",
    talks: true,
  },
  {
    name: "broadcast",
    about: "Tells everybody who is here what it is sent. Open this page twice.",
    talks: true,
  },
  {
    name: "close",
    about: "Closes every session as soon as it is open.",
    talks: false,
  },
  {
    name: "ticker",
    about: "Counts the seconds since you came.",
    talks: false,
  },
];

const ARROWS = { in: ["↓", "received"], out: ["↑", "sent"] };
const MOST_ROWS = 500;
const LONGEST_ROW = 300;
const PINGS = 20;

const picker = document.getElementById("transport");

class Console {
  constructor(service) {
    const piece = document.getElementById("console").content.cloneNode(true);
    this.element = piece.querySelector("section");
    this.service = service;
    this.socket = null;
    this.waiting = []; // what was sent and has not come back: {text, at}
    this.trips = []; // milliseconds
    this.pings = 0;
    this.row = null;

    const find = (selector) => this.element.querySelector(selector);
    this.state = find(".state");
    this.wire = find(".wire");
    this.tripsLine = find(".trips");
    this.input = find("input");
    this.buttons = {
      connect: find(".connect"),
      disconnect: find(".disconnect"),
      ping: find(".ping"),
      send: find(".say button"),
    };

    this.element.id = service.name;
    this.element.setAttribute("aria-labelledby", `${service.name}-title`);
    find("h2").id = `${service.name}-title`;
    find("h2").textContent = service.name;
    find(".about").textContent = service.about;
    this.wire.setAttribute("aria-label", `Frames of ${service.name}`);
    this.input.setAttribute("aria-label", `Message to ${service.name}`);
    this.input.placeholder = "A message";
    find(".say").hidden = !service.talks;
    this.buttons.ping.hidden = !service.talks;

    this.buttons.connect.addEventListener("click", () => this.connect());
    this.buttons.disconnect.addEventListener("click", () => this.socket?.close());
    this.buttons.ping.addEventListener("click", () => this.startPings());
    find(".clear").addEventListener("click", () => this.clear());
    find(".say").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(this.input.value);
      this.input.value = "";
    });
    this.show("closed", "closed");
    document.getElementById("consoles").append(this.element);
  }

  connect() {
    const chosen = picker.value ? { transports: picker.value } : {};
    const socket = new SockJS(`/${this.service.name}`, null, chosen);
    this.socket = socket;
    this.waiting = [];
    this.pings = 0;
    this.show("connecting", "connecting");
    watch(socket, (frame) => {
      this.row = this.log("in", frame);
    });
    // A socket that was left for another may still speak.
    const current = (handle) => (event) => socket === this.socket && handle(event);
    socket.onopen = current(() => {
      this.show("open", `open, by ${socket.transport}`);
      this.note(`Open, by ${socket.transport}`);
    });
    socket.onmessage = current((event) => this.received(event.data));
    socket.onclose = current((event) => {
      this.socket = null;
      this.show("closed", `closed, ${event.code}`);
      this.note(`Closed: ${event.code} ${event.reason ?? ""}`, !event.wasClean);
    });
  }

  reconnect() {
    const old = this.socket;
    if (old) {
      this.connect();
      old.close();
    }
  }

  send(text) {
    if (this.socket?.readyState !== SockJS.OPEN) return;
    this.waiting.push({ text, at: performance.now() });
    this.log("out", JSON.stringify([text]));
    this.socket.send(text);
  }

  received(text) {
    const index = this.waiting.findIndex((sent) => sent.text === text);
    if (index < 0) return;
    const [sent] = this.waiting.splice(index, 1);
    const trip = performance.now() - sent.at;
    this.trips.push(trip);
    if (this.row) this.row.querySelector(".trip").textContent = milliseconds(trip);
    this.showTrips(trip);
    if (this.pings > 0) this.ping();
  }

  startPings() {
    if (this.pings > 0) return;
    this.pings = PINGS;
    this.ping();
  }

  ping() {
    if (--this.pings >= 0) this.send(`ping ${PINGS - this.pings}`);
  }

  showTrips(last) {
    const sorted = [...this.trips].sort((a, b) => a - b);
    this.tripsLine.textContent =
      `Round trip: ${milliseconds(last)}. Of ${sorted.length}: ` +
      `least ${milliseconds(sorted[0])}, ` +
      `median ${milliseconds(sorted[sorted.length >> 1])}, ` +
      `most ${milliseconds(sorted[sorted.length - 1])}.`;
  }

  show(state, text) {
    const open = state === "open";
    this.state.className = `state ${state}`;
    this.state.textContent = text;
    this.buttons.connect.disabled = state !== "closed";
    this.buttons.disconnect.disabled = state === "closed";
    this.buttons.ping.disabled = !open;
    this.buttons.send.disabled = !open;
    this.input.disabled = !open;
  }

  note(text, bad = false) {
    this.log(bad ? "note bad" : "note", text);
  }

  log(kind, text) {
    const row = document.createElement("li");
    row.className = kind in ARROWS ? "frame" : kind;
    const time = document.createElement("time");
    const now = new Date();
    time.dateTime = now.toISOString();
    time.textContent = clock(now);
    const arrow = document.createElement("b");
    arrow.className = kind;
    if (kind in ARROWS) {
      const [sign, word] = ARROWS[kind];
      arrow.textContent = sign;
      arrow.setAttribute("role", "img");
      arrow.setAttribute("aria-label", word);
    }
    const body = document.createElement("span");
    body.className = "text";
    body.textContent = shorten(text);
    const trip = document.createElement("span");
    trip.className = "trip";
    row.append(time, arrow, body, trip);

    const wire = this.wire;
    const follows = wire.scrollHeight - wire.scrollTop - wire.clientHeight < 40;
    wire.append(row);
    while (wire.children.length > MOST_ROWS) wire.firstChild.remove();
    if (follows) wire.scrollTop = wire.scrollHeight;
    return row;
  }

  clear() {
    this.wire.replaceChildren();
    this.trips = [];
    this.tripsLine.textContent = "";
  }
}

// The client shows messages, not frames. This method of its 1.6 is where each frame
// passes, whatever the transport.
function watch(socket, see) {
  const receive = socket._transportMessage;
  socket._transportMessage = function (frame) {
    see(frame);
    return receive.call(this, frame);
  };
}

function shorten(text) {
  // What a streaming response starts with, so that browsers do not hold it back.
  if (/^hh+$/.test(text)) return `h × ${text.length}`;
  if (text.length <= LONGEST_ROW) return text;
  return `${text.slice(0, LONGEST_ROW)}… (${text.length} characters)`;
}

function milliseconds(number) {
  return `${number.toFixed(1)} ms`;
}

function clock(date) {
  const two = (number) => String(number).padStart(2, "0");
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two);
  return `${parts.join(":")}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function start() {
  const status = document.getElementById("client");
  if (typeof SockJS === "undefined") {
    const url = document.querySelector("script[src]").src;
    status.textContent =
      `sockjs-client did not load from ${url}. For a copy of your own: ` +
      "npm install sockjs-client@1.6.1, then start the demo again.";
    status.className = "notice";
    picker.disabled = true;
    return;
  }
  status.textContent = `sockjs-client ${SockJS.version}`;
  picker.add(new Option("automatic", ""));
  for (const name of TRANSPORTS) picker.add(new Option(name, name));
  const consoles = SERVICES.map((service) => new Console(service));
  picker.addEventListener("change", () => {
    for (const each of consoles) each.reconnect();
  });
}

start();
