// The graphs of the last five minutes: one point a second.
import { age, bytes, make, milliseconds, rate, say, whole } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';
const SECONDS = 300;
const HEIGHT = 56;

// Two points further apart have nothing between them: nobody looked.
const GAP = 5;

const perSecond = (show) => (value) => [show(value), '/s'];
const KINDS = [
  { name: 'sessions', title: 'Sessions', show: (value) => [whole(value), ''] },
  { name: 'messagesIn', title: 'Messages in', show: perSecond(rate) },
  { name: 'messagesOut', title: 'Messages out', show: perSecond(rate) },
  { name: 'late', second: 'latest', title: 'Reactor late, p99', show: (value) => [milliseconds(value), ''], secondTitle: 'worst' },
  { name: 'bytesIn', title: 'Bytes in', show: perSecond(bytes) },
  { name: 'bytesOut', title: 'Bytes out', show: perSecond(bytes) },
  { name: 'pending', title: 'Not taken by clients', show: (value) => [bytes(value), ''] },
  { name: 'pause', title: 'Garbage collector', show: (value) => [milliseconds(value), ''] },
];

function path(parent, className) {
  const element = document.createElementNS(SVG, 'path');
  element.setAttribute('class', className);
  parent.append(element);
  return element;
}

// The points as a line; with ground, as what is below it.
function draw(points, top, ground) {
  const parts = [];
  let before = null;
  for (const [x, value] of points) {
    const y = (HEIGHT - 3 - (value / top) * (HEIGHT - 8)).toFixed(1);
    if (before === null || x - before > GAP) {
      if (ground && before !== null) parts.push(`L${before.toFixed(1)} ${HEIGHT}Z`);
      parts.push(ground ? `M${x.toFixed(1)} ${HEIGHT}L${x.toFixed(1)} ${y}` : `M${x.toFixed(1)} ${y}`);
    } else {
      parts.push(`L${x.toFixed(1)} ${y}`);
    }
    before = x;
  }
  if (ground && before !== null) parts.push(`L${before.toFixed(1)} ${HEIGHT}Z`);
  return parts.join('');
}

class Graph {
  constructor(kind, parent) {
    this.kind = kind;
    this.value = make('p', 'value');
    this.more = make('p', kind.second ? 'more second' : 'more');
    this.svg = document.createElementNS(SVG, 'svg');
    this.svg.setAttribute('viewBox', `0 0 ${SECONDS} ${HEIGHT}`);
    this.svg.setAttribute('preserveAspectRatio', 'none');
    this.svg.setAttribute('role', 'img');
    this.area = path(this.svg, 'area');
    this.second = path(this.svg, 'second');
    this.line = path(this.svg, 'line');
    const item = make('li', '', make('h3', '', kind.title), this.value, this.more, this.svg);
    item.id = `graph-${kind.name}`;
    this.svg.addEventListener('pointermove', (event) => this.point(event));
    this.svg.addEventListener('pointerleave', () => {
      this.pointed = null;
      this.tell();
    });
    parent.append(item);
  }

  // Who points at a moment is told what was then.
  point(event) {
    const { left, width } = this.svg.getBoundingClientRect();
    this.pointed = (SECONDS * (event.clientX - left)) / width;
    this.tell();
  }

  tell() {
    let text = this.summary;
    if (typeof this.pointed === 'number') {
      const near = this.points.filter(([x]) => Math.abs(x - this.pointed) <= GAP);
      near.sort((a, b) => Math.abs(a[0] - this.pointed) - Math.abs(b[0] - this.pointed));
      const then = near.length ? this.kind.show(near[0][1]).join('') : 'nobody looked';
      text = `${age(SECONDS - this.pointed)} ago: ${then}`;
    }
    say(this.more, text);
  }

  show(column, points, now) {
    const { kind } = this;
    const at = column.get(kind.name);
    const line = points.map((point) => [SECONDS - (now - point[0]), point[at]]);
    const values = line.map(([, value]) => value);
    const last = values.length ? values[values.length - 1] : 0;
    const [text, unit] = kind.show(last);
    this.value.replaceChildren(text, make('small', '', unit));
    let most = Math.max(0, ...values);
    let word = 'most';
    if (kind.second) {
      const second = column.get(kind.second);
      const other = points.map((point) => [SECONDS - (now - point[0]), point[second]]);
      most = Math.max(most, ...other.map(([, value]) => value));
      word = kind.secondTitle;
      this.second.setAttribute('d', draw(other, most || 1, false));
    }
    const highest = kind.show(most).join('');
    this.points = line;
    this.summary = `${word} ${highest}`;
    this.tell();
    this.line.setAttribute('d', draw(line, most || 1, false));
    this.area.setAttribute('d', draw(line, most || 1, true));
    this.svg.setAttribute('aria-label', `${kind.title} in five minutes: now ${text}${unit}, ${word} ${highest}`);
  }
}

export class Graphs {
  constructor(parent) {
    this.graphs = KINDS.map((kind) => new Graph(kind, parent));
    this.column = new Map();
    this.points = [];
  }

  begin(columns, points) {
    this.column = new Map(columns.map((name, index) => [name, index]));
    this.points = points;
  }

  add(point) {
    this.points.push(point);
  }

  show(now) {
    while (this.points.length && this.points[0][0] < now - SECONDS) this.points.shift();
    for (const graph of this.graphs) graph.show(this.column, this.points, now);
  }
}
