// How long a message needs to the service and back, by transport.
import { make, median, milliseconds, say } from './words.js';

const TRANSPORTS = [
  'websocket', 'xhr-streaming', 'eventsource', 'htmlfile', 'xhr-polling', 'jsonp-polling',
];

const SVG = 'http://www.w3.org/2000/svg';
const KEPT = 40; // trips that a chart shows
const HEIGHT = 48;
const ROUNDS = 9; // messages of one turn, the first of which is not counted
const FIRST_ROUNDS = 4; // and of the very first, so that each soon has a number
const PAUSE = 90; // milliseconds between two of them
const REST = 250; // milliseconds between two turns
const PATIENCE = 6000; // milliseconds that a turn may take

// Sessions that may keep an HTTP connection each while others are measured.
const MOST_HELD = 2;

const sleep = (time) => new Promise((resolve) => { setTimeout(resolve, time); });

// All charts have one scale of three decades, so that they can be compared: by logarithm,
// since a transport may need ten times as long as another. Each decade has a line.
const LEAST = 0.3;
const DECADES = 3;

function height(trip) {
  const part = Math.log10(Math.max(trip, LEAST) / LEAST) / DECADES;
  return (HEIGHT - 3 - Math.min(1, part) * (HEIGHT - 6)).toFixed(1);
}

const GRID = [1, 10, 100].map((trip) => `M0 ${height(trip)}H${KEPT}`).join('');

class Chart {
  constructor(name, parent) {
    this.name = name;
    this.trips = [];
    this.value = make('p', 'value', '–');
    this.more = make('p', 'more', 'to come');
    this.svg = document.createElementNS(SVG, 'svg');
    this.svg.setAttribute('viewBox', `0 0 ${KEPT} ${HEIGHT}`);
    this.svg.setAttribute('preserveAspectRatio', 'none');
    this.svg.setAttribute('role', 'img');
    this.svg.setAttribute('aria-label', `${name}: not measured yet`);
    this.path('grid').setAttribute('d', GRID);
    this.dots = this.path('dots');
    this.line = this.path('median');
    this.element = make('li', '', make('h3', '', name), this.value, this.more, this.svg);
    this.element.id = `trips-${name}`;
    parent.append(this.element);
  }

  path(className) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('class', className);
    this.svg.append(path);
    return path;
  }

  add(trip) {
    this.trips.push(trip);
    if (this.trips.length > KEPT) this.trips.shift();
    this.draw();
  }

  draw() {
    const { trips } = this;
    const first = KEPT - trips.length + 0.5;
    const middle = median(trips);
    const [least, most] = [Math.min(...trips), Math.max(...trips)].map(milliseconds);
    this.dots.setAttribute('d', trips.map((trip, index) => `M${first + index} ${height(trip)}h0`).join(''));
    this.line.setAttribute('d', `M0 ${height(middle)}H${KEPT}`);
    say(this.value, milliseconds(middle));
    say(this.more, `${least} to ${most}`);
    this.svg.setAttribute('aria-label',
      `${this.name}: median ${milliseconds(middle)}, ${least} to ${most}, the last ${trips.length}`);
  }

  failed(why) {
    if (!this.trips.length) say(this.more, why);
  }
}

export class Trips {
  constructor(network, parent, state) {
    this.network = network;
    this.state = state;
    this.charts = TRANSPORTS.map((name) => new Chart(name, parent));
    this.socket = null;
    this.isPaused = false;
    this.current = Promise.resolve();
    network.addEventListener('off', () => this.socket?.close());
    this.run();
  }

  // Resolves when nothing is measured, until it goes on. A turn ends with an answer: a poll
  // by JSONP that is left alone would keep its connection for as long as the server waits.
  async pause() {
    this.isPaused = true;
    await this.current;
  }

  goOn() {
    this.isPaused = false;
  }

  async run() {
    for (;;) {
      for (const chart of this.charts) {
        while (this.rests()) await sleep(REST);
        chart.element.classList.add('now');
        this.current = this.turn(chart);
        await this.current;
        chart.element.classList.remove('now');
        await sleep(REST);
      }
    }
  }

  // Whether this is no time to measure, and why.
  rests() {
    let why = '';
    if (document.hidden) why = 'It rests while nobody looks.';
    else if (!this.network.isOn) why = 'It rests while the network is off.';
    else if (this.network.held > MOST_HELD) {
      why = 'It rests while the rest of the page goes by HTTP: a browser has six connections ' +
        'to a server, and those are in use.';
    }
    say(this.state, why);
    return this.isPaused || why !== '';
  }

  // Resolves when the session of this turn has ended.
  turn(chart) {
    return new Promise((resolve) => {
      const socket = this.network.connect('/echo', chart.name);
      let isLate = false;
      const impatient = setTimeout(() => {
        isLate = true;
        socket.close();
      }, PATIENCE);
      const enough = chart.trips.length ? ROUNDS : FIRST_ROUNDS;
      let rounds = 0;
      let sent = 0;
      const send = () => {
        if (socket.readyState !== SockJS.OPEN) return;
        sent = performance.now();
        socket.send(`round trip ${rounds}`);
      };
      this.socket = socket;
      socket.onopen = send;
      socket.onmessage = () => {
        if (rounds > 0) chart.add(performance.now() - sent);
        rounds += 1;
        if (rounds < enough && !this.isPaused && !document.hidden) setTimeout(send, PAUSE);
        else socket.close();
      };
      socket.onclose = ({ code }) => {
        clearTimeout(impatient);
        this.socket = null;
        if (isLate) chart.failed('no answer');
        else if (code !== 1000) chart.failed(`not to be had here, ${code}`);
        resolve();
      };
    });
  }
}
