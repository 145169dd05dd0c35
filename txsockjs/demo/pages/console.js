// A console for one service: what is sent and received, as frames, and the service's source.
import { showSource } from './source.js';
import { append, make, median, milliseconds, say } from './words.js';

const ARROWS = { in: ['↓', 'received'], out: ['↑', 'sent'] };
const MOST_ROWS = 300;
const LONGEST_ROW = 300;
const PINGS = 20;
const FIRST_DELAY = 500; // milliseconds before the first attempt to connect again
const MOST_DELAY = 8000; // and the most there are before a later one
const PATIENCE = 10000; // milliseconds after which what has not come back was lost

export class Console {
  constructor(service, network) {
    const piece = document.getElementById('console').content.cloneNode(true);
    this.element = piece.querySelector('article');
    this.service = service;
    this.network = network;
    this.socket = null;
    this.retry = null;
    this.failures = 0;
    this.waiting = []; // what was sent and has not come back: {text, at}
    this.trips = []; // milliseconds
    this.pings = 0;
    this.row = null;
    this.isBeating = Boolean(service.beat);

    const find = (selector) => this.element.querySelector(selector);
    this.state = find('.state');
    this.wire = find('.wire');
    this.tripsLine = find('.trips');
    this.input = find('input');
    this.buttons = { connect: find('.connect'), ping: find('.ping'), send: find('.say button') };
    this.#label(find);
    this.#listen(find);
    document.getElementById('consoles').append(this.element);
    if (service.beat) setInterval(() => this.beat(), service.beat.every);
    this.connect();
  }

  #label(find) {
    const { name, object, about, talks } = this.service;
    this.element.id = name;
    this.element.setAttribute('aria-labelledby', `${name}-title`);
    find('h3').id = `${name}-title`;
    find('h3').textContent = name;
    find('.about').textContent = about;
    this.wire.setAttribute('aria-label', `Frames of ${name}`);
    this.input.setAttribute('aria-label', `Message to ${name}`);
    find('.say').hidden = !talks;
    this.buttons.ping.hidden = !talks;

    const file = `source/${name}.py`;
    find('.code').setAttribute('aria-label', `Source of ${name}`);
    find('.source a').textContent = `${name}.py`;
    find('.source a').href = file;
    find('.serve code').textContent = `twistd -n sockjs --service ${name}=${object}`;
    // Where there is room for it, it is beside the frames.
    const wide = matchMedia('(min-width: 64rem)');
    const unfold = () => { find('.source').open = wide.matches; };
    wide.addEventListener('change', unfold);
    unfold();
    showSource(find('pre code'), file);
  }

  #listen(find) {
    this.buttons.connect.addEventListener('click', () => this.press());
    this.buttons.ping.addEventListener('click', () => this.startPings());
    find('.clear').addEventListener('click', () => this.clear());
    find('.say').addEventListener('submit', (event) => {
      event.preventDefault();
      this.isBeating = false;
      if (this.input.value) this.send(this.input.value);
      this.input.value = '';
    });
    this.network.addEventListener('off', () => this.lost());
    this.network.addEventListener('on', () => {
      if (this.retry === null) return;
      this.failures = 0;
      this.connect();
    });
    this.network.addEventListener('chosen', () => this.reconnect());
  }

  connect() {
    clearTimeout(this.retry);
    this.retry = null;
    const socket = this.network.connect(`/${this.service.name}`);
    this.socket = socket;
    this.waiting = [];
    this.pings = 0;
    this.show('connecting', 'connecting');
    watch(socket, (frame) => {
      if (socket === this.socket) this.row = this.log('in', frame);
    });
    // A socket that was left for another may still speak.
    const current = (handle) => (event) => socket === this.socket && handle(event);
    socket.onopen = current(() => {
      this.failures = 0;
      this.show('open', `open, by ${socket.transport}`);
      this.note(`Open, by ${socket.transport}`);
    });
    socket.onmessage = current((event) => this.received(event.data));
    socket.onclose = current((event) => {
      this.note(`Closed: ${event.code} ${event.reason ?? ''}`, !event.wasClean);
      this.socket = null;
      // By this page, or as the service always does it: what was lost is wanted again.
      const meant = event.code === 1000 || event.code === this.service.ends;
      if (meant) this.show('closed', `closed, ${event.code}`);
      else this.again();
    });
  }

  // Who presses the button connects, or has had enough.
  press() {
    const { socket } = this;
    if (socket !== null) {
      socket.close();
    } else if (this.retry !== null) {
      this.#giveUp();
    } else if (this.network.isOn) {
      this.connect();
    } else {
      this.again();
    }
  }

  #giveUp() {
    clearTimeout(this.retry);
    this.retry = null;
    this.show('closed', 'closed');
  }

  // The network is off.
  lost() {
    const { socket } = this;
    if (socket !== null) {
      this.socket = null;
      socket.close();
      this.note('Lost: the network is off', true);
    } else if (this.retry === null) {
      return;
    }
    this.again();
  }

  again() {
    clearTimeout(this.retry);
    const delay = Math.min(MOST_DELAY, FIRST_DELAY * 2 ** this.failures);
    this.failures += 1;
    this.show('waiting', this.network.isOn ? `again in ${delay / 1000} s` : 'reconnecting, no network');
    this.retry = setTimeout(() => {
      if (this.network.isOn) this.connect();
      else this.again();
    }, delay);
  }

  reconnect() {
    const old = this.socket;
    if (old === null) return;
    this.connect();
    old.close();
  }

  // So that one sees it live; until somebody has something to say.
  beat() {
    this.forget();
    if (this.isBeating && !document.hidden && this.waiting.length === 0) {
      this.send(this.service.beat.text());
    }
  }

  // A session that polls can lose what an answer held, and go on.
  forget() {
    const late = performance.now() - PATIENCE;
    this.waiting = this.waiting.filter(({ at }) => at > late);
  }

  send(text) {
    if (this.socket?.readyState !== SockJS.OPEN) return;
    this.waiting.push({ text, at: performance.now() });
    this.log('out', JSON.stringify([text]));
    this.socket.send(text);
  }

  received(text) {
    const index = this.waiting.findIndex((sent) => sent.text === text);
    if (index < 0) return;
    const [sent] = this.waiting.splice(index, 1);
    const trip = performance.now() - sent.at;
    this.trips.push(trip);
    if (this.trips.length > MOST_ROWS) this.trips.shift();
    if (this.row) this.row.querySelector('.trip').textContent = milliseconds(trip);
    say(this.tripsLine, `median of ${this.trips.length}: ${milliseconds(median(this.trips))}`);
    if (this.pings > 0) this.ping();
  }

  startPings() {
    this.forget();
    if (this.pings > 0 && this.waiting.length > 0) return;
    this.isBeating = false;
    this.trips = [];
    this.pings = PINGS;
    this.ping();
  }

  ping() {
    if (this.pings > 0) this.send(`ping ${PINGS - this.pings + 1}`);
    this.pings -= 1;
  }

  show(state, text) {
    const open = state === 'open';
    this.state.className = `state ${state}`;
    say(this.state, text);
    say(this.buttons.connect, state === 'closed' ? 'Connect' : 'Disconnect');
    this.buttons.ping.disabled = !open;
    this.buttons.send.disabled = !open;
    this.input.disabled = !open;
  }

  note(text, bad = false) {
    this.log(bad ? 'note bad' : 'note', text);
  }

  log(kind, text) {
    const now = new Date();
    const time = make('time', '', now.toTimeString().slice(0, 8));
    time.dateTime = now.toISOString();
    const arrow = make('b', kind);
    if (kind in ARROWS) {
      const [sign, word] = ARROWS[kind];
      arrow.textContent = sign;
      arrow.setAttribute('role', 'img');
      arrow.setAttribute('aria-label', word);
    }
    const row = make('li', kind in ARROWS ? 'frame' : kind,
      time, arrow, make('span', 'text', shorten(text)), make('span', 'trip'));
    append(this.wire, row, MOST_ROWS);
    return row;
  }

  clear() {
    this.wire.firstElementChild.replaceChildren();
    this.trips = [];
    say(this.tripsLine, '');
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
