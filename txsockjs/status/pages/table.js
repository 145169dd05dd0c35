// The table of sessions. Only the rows that are seen are there; the server is told which
// they are, and says what of them has changed.
import { age, bytes, make, say, whole } from './words.js';

// Rows beyond what is seen, either way.
const AROUND = 15;

// Milliseconds without a key before a filter holds.
const PAUSE = 150;

export class SessionTable {
  // look(view): is told what is seen. close(row): somebody wants to close a session.
  constructor(look, close) {
    this.look = look;
    this.close = close;
    this.table = document.getElementById('table');
    this.scroller = this.table.parentElement;
    this.body = this.table.tBodies[0];
    this.filter = document.getElementById('filter');
    this.matchedText = document.getElementById('matched');
    this.sort = 'age';
    this.down = true;
    this.number = 0;
    this.rows = new Map();
    this.matched = 0;
    this.pool = [];
    this.rowHeight = 36;
    this.seen = 16;
    this.offset = 0;
    this.above = make('tr', 'space', make('td'));
    this.below = make('tr', 'space', make('td'));
    for (const space of [this.above, this.below]) {
      space.setAttribute('aria-hidden', 'true');
    }
    this.body.append(this.above, this.below);
    this.scroller.addEventListener('scroll', () => this.moved(), { passive: true });
    new ResizeObserver(() => this.measure()).observe(this.scroller);
    this.filter.addEventListener('input', () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.again(), PAUSE);
    });
    for (const head of this.table.tHead.rows[0].cells) {
      const { sort } = head.dataset;
      if (sort) head.firstChild.addEventListener('click', () => this.order(sort));
    }
    this.showOrder();
  }

  order(sort) {
    this.down = sort === this.sort ? !this.down : sort === 'age' || sort === 'pending';
    this.sort = sort;
    this.showOrder();
    this.again();
  }

  showOrder() {
    for (const head of this.table.tHead.rows[0].cells) {
      if (head.dataset.sort === this.sort) {
        head.setAttribute('aria-sort', this.down ? 'descending' : 'ascending');
      } else {
        head.removeAttribute('aria-sort');
      }
    }
  }

  // From the top, in another order or with other rows; or with a server that knows nothing.
  again() {
    this.number += 1;
    this.rows.clear();
    this.scroller.scrollTop = 0;
    this.first = this.count = -1;
    this.moved();
  }

  unlock() {
    document.body.classList.add('open');
    this.show();
  }

  // What the style sheet makes of a row, and of the place for them.
  measure() {
    this.rowHeight = parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row'));
    this.seen = Math.ceil(this.scroller.clientHeight / this.rowHeight);
    this.moved();
  }

  moved() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      const first = Math.max(0, Math.floor(this.scroller.scrollTop / this.rowHeight) - AROUND);
      const count = Math.min(200, this.seen + 2 * AROUND);
      if (first !== this.first || count !== this.count) {
        this.first = first;
        this.count = count;
        this.look({
          first, count, sort: this.sort, down: this.down, filter: this.filter.value, number: this.number,
        });
      }
      this.show();
    });
  }

  // What the server says.
  receive(message) {
    if (message.number !== this.number) return;
    this.matched = message.matched;
    for (const [index, row] of Object.entries(message.rows)) this.rows.set(Number(index), row);
    for (const index of this.rows.keys()) {
      if (index >= this.matched || Math.abs(index - this.first) > 1000) this.rows.delete(index);
    }
    const { matched, total } = message;
    say(this.matchedText, matched === total ? `${whole(total)} open` : `${whole(matched)} of ${whole(total)} open`);
    this.show();
  }

  // now: by the server's clock.
  tick(now) {
    this.offset = now - Date.now() / 1000;
    this.show();
  }

  show() {
    const height = this.rowHeight;
    const first = Math.min(Math.max(0, this.first || 0), this.matched);
    const count = Math.max(0, Math.min(this.count || 0, this.matched - first));
    const now = Date.now() / 1000 + this.offset;
    while (this.pool.length < count) this.pool.push(this.newRow());
    while (this.pool.length > count) this.pool.pop().element.remove();
    this.pool.forEach((row, index) => this.showRow(row, first + index, now));
    this.table.setAttribute('aria-rowcount', String(this.matched + 1));
    this.above.style.height = `${first * height}px`;
    this.below.style.height = `${Math.max(0, this.matched - first - count) * height}px`;
  }

  newRow() {
    const cell = (name) => make('td', name);
    const [peer, service, transport, time, pending, action] = ['peer', 'service', 'transport', 'number age', 'number pending', 'action'].map(cell);
    const name = make('span');
    const small = make('small');
    peer.append(name, small);
    const button = make('button', '', 'Close');
    button.type = 'button';
    action.append(button);
    const row = { name, small, service, transport, time, pending, button, data: null };
    button.addEventListener('click', () => row.data && this.close(row.data));
    row.element = make('tr', '', peer, service, transport, time, pending, action);
    this.below.before(row.element);
    return row;
  }

  showRow(row, index, now) {
    const data = this.rows.get(index);
    row.element.setAttribute('aria-rowindex', String(index + 2));
    row.data = data || null;
    row.button.disabled = !data;
    if (!data) {
      say(row.name, '…');
      for (const element of [row.small, row.service, row.transport, row.time, row.pending]) say(element, '');
      return;
    }
    const [service, , peer, transport, since, pending] = data;
    say(row.name, peer);
    say(row.small, `${service} · ${transport}`);
    say(row.service, service);
    say(row.transport, transport);
    say(row.time, age(now - since));
    say(row.pending, pending ? bytes(pending) : '0');
    row.pending.classList.toggle('held', pending > 65536);
    row.button.setAttribute('aria-label', `Close the session of ${peer}`);
  }
}
