// The page of the demo: what is on it, the switch, and the choice of a transport.
import { Chatter } from './chat.js';
import { Console } from './console.js';
import { Network } from './network.js';
import { Trips } from './trips.js';
import { say } from './words.js';

const TRANSPORTS = [
  'websocket',
  'xhr-streaming',
  'eventsource',
  'iframe-eventsource',
  'htmlfile',
  'iframe-htmlfile',
  'xhr-polling',
  'iframe-xhr-polling',
  'jsonp-polling',
];

let beats = 0;
const browser = /Firefox|Edg|Chrome|Safari/.exec(navigator.userAgent)?.[0] ?? 'a browser';

const SERVICES = [
  {
    name: 'echo',
    object: 'txsockjs.demo.echo.Echo',
    about: 'Sends back what it is sent. It is sent a number, until you say something.',
    talks: true,
    beat: { every: 2000, text: () => String((beats += 1)) },
  },
  {
    name: 'broadcast',
    object: 'txsockjs.demo.broadcast.BroadcastFactory',
    about: 'Tells everybody who is here what it is sent. Open this page twice.',
    talks: true,
    beat: { every: 5000, text: () => `${browser} is here` },
  },
  {
    name: 'ticker',
    object: 'txsockjs.demo.ticker.TickerFactory',
    about: 'Counts the seconds since you came.',
    talks: false,
  },
  {
    name: 'close',
    object: 'txsockjs.demo.close.Close',
    about: 'Closes every session as soon as it is open.',
    talks: false,
    ends: 3000,
  },
];

function showNetwork(network) {
  const state = document.getElementById('state');
  const button = document.getElementById('network');
  const show = () => {
    const open = network.open;
    let text = open === 1 ? '1 session open' : `${open} sessions open`;
    if (!network.isOn) text = 'No network';
    else if (open === 0) text = 'Connecting…';
    say(state, text);
    state.className = network.isOn && open ? 'open' : 'waiting';
    button.setAttribute('aria-checked', String(network.isOn));
  };
  button.addEventListener('click', () => network.turn(!network.isOn));
  network.addEventListener('sessions', show);
  show();
}

function start() {
  // The page of the transport htmlfile says this too: where a browser still heeds it, the
  // two can talk only if both have said it.
  if (!globalThis.originAgentCluster) document.domain = document.domain;
  const picker = document.getElementById('transport');
  picker.add(new Option('auto', ''));
  for (const name of TRANSPORTS) picker.add(new Option(name, name));
  if (typeof SockJS === 'undefined') {
    const problem = document.getElementById('problem');
    problem.textContent = 'sockjs.min.js has no SockJS in it: without it nothing here works.';
    problem.hidden = false;
    return;
  }
  say(document.getElementById('client'), `sockjs-client ${SockJS.version}`);
  const network = new Network();
  showNetwork(network);
  for (const service of SERVICES) new Console(service, network);
  for (const name of ['ada', 'grace']) new Chatter(name, network);
  const trips = new Trips(network, document.getElementById('trips'), document.getElementById('trips-state'));
  picker.addEventListener('change', async () => {
    await trips.pause();
    network.choose(picker.value);
    trips.goOn();
  });
}

start();
