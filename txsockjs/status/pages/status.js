// The page: what the server says, shown; what a person wants, asked for.
/* global SockJS */
import { Graphs } from './graphs.js';
import { SessionTable } from './table.js';
import { age, bytes, fill, make, rate, say, whole } from './words.js';

const here = (id) => document.getElementById(id);
const state = {};
let socket = null;
let tries = 0;
let opened = false;
let told = 0;
let token = null;
let asked = 0;
const waiting = new Map();

const graphs = new Graphs(here('graphs'));
const table = new SessionTable(
  (view) => tell({ view }),
  ([service, key, peer]) => confirm('Close this session?', `${peer}, session ${key} of ${service}`, 'Close the session', { do: 'close', service, key }),
);

function tell(message) {
  if (socket && socket.readyState === SockJS.OPEN) socket.send(JSON.stringify(message));
}

// Connecting

function connect() {
  socket = new SockJS(new URL('live', document.baseURI).href, null, { transports: ['websocket', 'xhr-streaming', 'xhr-polling'] });
  socket.onopen = () => {
    opened = true;
    tries = 0;
    told = 0;
    status('Live', 'live');
    here('notice').hidden = true;
    table.again();
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    told += 1;
    // A poll has lost what was before this: all of it is told to who comes again.
    if (message.nth !== told) socket.close();
    else receive(message);
  };
  socket.onclose = (event) => {
    for (const [, answer] of waiting) answer({ done: false, text: 'The connection was lost: look whether that was done.' });
    waiting.clear();
    tries += 1;
    status(opened ? 'Cut off, trying again' : 'Cannot connect', 'cut');
    if (!opened && tries === 2) explain();
    if (event.code === 4001) notice('Too many wrong tokens: the connection was made anew.');
    setTimeout(connect, Math.min(10000, 500 * 2 ** tries));
  };
}

function status(text, className) {
  say(here('state'), text);
  here('state').className = className;
}

// A server that refuses this page's origin is the likely reason.
async function explain() {
  try {
    const response = await fetch('live/0/why/xhr', { method: 'POST' });
    if (response.status === 403) {
      notice(`The server does not know this page as ${location.origin}. Start it with --status-origin ${location.origin}, or open the page at an address.`);
    }
  } catch (error) {
    notice('The server does not answer.');
  }
}

function notice(text, good = false) {
  const element = here('notice');
  element.hidden = false;
  element.classList.toggle('good', good);
  say(element, text);
}

// Showing

function receive(message) {
  if (message.type === 'rows') {
    table.receive(message);
  } else if (message.type === 'done') {
    const answer = waiting.get(message.number);
    waiting.delete(message.number);
    if (answer) answer(message);
  } else {
    if (message.type === 'all') graphs.begin(message.columns, message.history);
    else graphs.add(message.point);
    Object.assign(state, message);
    show();
  }
}

function show() {
  const { versions } = state;
  say(here('about'), `${location.host} · txsockjs ${versions.txsockjs} · Twisted ${versions.Twisted} · Python ${versions.Python} · ${versions.reactor} · up ${age(state.now - state.began)}`);
  here('unlock').hidden = !state.actions || token !== null;
  here('drain').hidden = token === null;
  graphs.show(state.now);
  showServices();
  showTransports();
  showSlowest();
  showRefused();
  showRooms();
  showWorkers();
  table.tick(state.now);
}

const cells = (...names) => () => make('tr', '', ...names.map((name) => make(name === 'head' ? 'th' : 'td', name)));

function sayAll(row, texts) {
  texts.forEach((text, index) => say(row.cells[index], text));
}

function showServices() {
  const body = here('services').tBodies[0];
  const create = () => {
    const row = cells('head', 'life', ...Array(8).fill('number'), 'action')();
    row.cells[0].scope = 'row';
    const button = make('button', 'danger', 'Close');
    button.type = 'button';
    row.cells[10].append(button);
    button.addEventListener('click', () => confirm(
      'Close this service?',
      `${row.dataset.name} takes no new sessions until it is started again, and those that it has are told to go.`,
      'Close the service', { do: 'service', service: row.dataset.name },
    ));
    return row;
  };
  fill(body, state.services, create, (row, service) => {
    row.dataset.name = service.name;
    sayAll(row, [
      service.name, service.life, whole(service.open),
      `${rate(service.messagesIn)}/s`, `${rate(service.messagesOut)}/s`,
      `${bytes(service.bytesIn)}/s`, `${bytes(service.bytesOut)}/s`,
      whole(service.opened), whole(service.lost), bytes(service.highWater),
    ]);
    row.cells[1].className = `life ${service.life}`;
    const button = row.cells[10].firstChild;
    button.hidden = token === null || service.life === 'draining' || service.life === 'stopped';
    button.setAttribute('aria-label', `Close the service ${service.name}`);
  });
}

function bar() {
  const fraction = make('i');
  return make('li', '', make('span', 'what'), make('span', 'number'), make('span', 'bar', fraction));
}

function showBar(item, what, small, number, share) {
  item.children[0].replaceChildren(what, make('small', '', small));
  say(item.children[1], number);
  item.children[2].firstChild.style.width = `${(100 * share).toFixed(1)}%`;
}

function showTransports() {
  const counts = new Map();
  for (const service of state.services) {
    for (const [name, count] of Object.entries(service.transports)) counts.set(name, (counts.get(name) || 0) + count);
  }
  const entries = [...counts].sort((a, b) => b[1] - a[1]);
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  fill(here('transports'), entries, bar, (item, [name, count]) => showBar(item, name, '', whole(count), count / total));
}

function showSlowest() {
  const most = Math.max(1, ...state.slowest.map((row) => row[5]));
  fill(here('slowest'), state.slowest, bar, (item, [service, , peer, transport, , pending]) => showBar(item, peer, `  ${service} · ${transport}`, bytes(pending), pending / most));
}

function showRefused() {
  const refused = here('refused');
  refused.classList.toggle('some', state.refused.length > 0);
  fill(refused.tBodies[0], state.refused, cells('cause', 'number', 'number'), (row, [service, cause, recent, ever]) => {
    row.cells[0].replaceChildren(cause, make('small', '', `  ${service}`));
    say(row.cells[1], whole(recent));
    say(row.cells[2], whole(ever));
  });
}

function showRooms() {
  const rooms = here('rooms');
  rooms.closest('section').hidden = !state.rooms.length;
  fill(rooms.tBodies[0], state.rooms, cells('life', ...Array(5).fill('number')), (row, each) => {
    sayAll(row, [`${each.name}${each.up ? '' : ': down'}`, whole(each.rooms), whole(each.members), `${rate(each.published)}/s`, `${rate(each.delivered)}/s`, whole(each.gaps)]);
    row.cells[0].className = each.up ? 'life running' : 'life down';
  });
}

function showWorkers() {
  const workers = here('workers');
  workers.closest('section').hidden = !state.workers.length;
  fill(workers.tBodies[0], state.workers, cells('', 'number', 'life', 'number'), (row, each) => {
    row.cells[2].className = each.state === 'ready' ? 'life running' : 'life down';
    sayAll(row, [each.name, each.pid, each.state, each.sessions].map((value) => (value === undefined || value === null ? '' : String(value))));
  });
}

// Actions

const dialog = here('ask');
let whenYes = null;

function ask(title, text, yes, withToken, then) {
  say(here('ask-title'), title);
  say(here('ask-text'), text);
  say(here('ask-yes'), yes);
  say(here('ask-problem'), '');
  here('ask-token').hidden = !withToken;
  here('token').value = '';
  whenYes = then;
  dialog.showModal();
  here(withToken ? 'token' : 'ask-no').focus();
}

function request(message, given, answer) {
  asked += 1;
  waiting.set(asked, answer);
  tell({ ...message, token: given, number: asked });
}

function confirm(title, text, yes, message) {
  ask(title, text, yes, false, () => {
    dialog.close();
    request(message, token, (answer) => notice(answer.text, answer.done));
  });
}

here('unlock').addEventListener('click', () => ask(
  'Unlock actions', 'The token is in the file that the server was started with: --status-token. This page forgets it when it is left.', 'Unlock', true,
  () => {
    const given = here('token').value;
    request({ do: 'unlock' }, given, (answer) => {
      if (!answer.done) {
        say(here('ask-problem'), answer.text);
        here('token').select();
        return;
      }
      token = given;
      dialog.close();
      table.unlock();
      show();
      here('drain').focus();
    });
  },
));
here('drain').addEventListener('click', () => confirm(
  'Drain all services?', 'No service takes new sessions until it is started again, and all sessions are told to go.', 'Drain', { do: 'drain' },
));
here('ask-no').addEventListener('click', () => dialog.close());
dialog.querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  if (whenYes) whenYes();
});

// The script of sockjs-client comes before this one: both are deferred.
connect();
