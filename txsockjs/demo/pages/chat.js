// One person of the chat, with a network of their own, which can be cut.
import { Rooms } from './rooms.js';
import { append, make, say } from './words.js';

const MOST_LINES = 200;

// Who said it, where a text begins with a name, as this page's do.
const NAMED = /^([\w-]{1,20}): /;

export class Chatter {
  constructor(name, network) {
    const piece = document.getElementById('chatter').content.cloneNode(true);
    const element = piece.querySelector('article');
    const find = (selector) => element.querySelector(selector);
    this.name = name;
    this.network = network;
    this.isCut = false;
    this.came = false;
    this.state = find('.state');
    this.present = find('.present');
    this.said = find('.said');
    this.button = find('.cut');

    element.id = `chat-${name}`;
    element.setAttribute('aria-labelledby', `chat-${name}-title`);
    find('h3').id = `chat-${name}-title`;
    find('h3').textContent = name;
    this.said.setAttribute('aria-label', `What ${name} hears`);
    this.offer('Cut off');
    const input = find('input');
    input.setAttribute('aria-label', `Message of ${name}`);
    input.placeholder = `Say something as ${name}`;
    find('form').addEventListener('submit', (event) => {
      event.preventDefault();
      if (input.value) this.say(input.value);
      input.value = '';
    });
    this.button.addEventListener('click', () => this.cut(!this.isCut));
    document.getElementById('chatters').append(element);

    this.show('connecting', 'connecting');
    this.rooms = new Rooms('/rooms', {
      connect: () => this.connect(),
      firstDelay: 250,
      maxDelay: 2000,
    });
    this.room = this.rooms.join('demo', { info: { name }, presence: true, recent: 20 });
    this.listen();
    network.addEventListener('off', () => this.rooms.drop());
    network.addEventListener('on', comeBack);
    network.addEventListener('chosen', () => this.rooms.drop());
  }

  connect() {
    if (this.isCut) throw new Error(`${this.name} is cut off.`);
    return this.network.connect('/rooms');
  }

  listen() {
    const { rooms, room } = this;
    rooms.addEventListener('close', () => {
      if (this.isCut) this.show('waiting', 'cut off');
      else this.show('waiting', this.network.isOn ? 'reconnecting' : 'reconnecting, no network');
    });
    room.addEventListener('joined', ({ detail }) => {
      this.show('open', 'in the room');
      if (this.came) {
        this.note(detail.recovered
          ? 'Back, with all that was said meanwhile.'
          : 'Back. Some of what was said is kept no longer.');
      }
      this.came = true;
    });
    room.addEventListener('away', () => say(this.present, ''));
    room.addEventListener('gap', () => this.note('Some of what was said is lost.'));
    room.addEventListener('error', ({ detail }) => this.note(detail.error.message));
    room.addEventListener('message', ({ detail }) => this.heard(detail.text));
    room.addEventListener('presence', ({ detail }) => say(this.present, present(detail.members)));
  }

  async say(text) {
    try {
      await this.room.publish(`${this.name}: ${text}`);
    } catch (error) {
      this.note(`Not sent, “${text}”: ${error.message}`);
    }
  }

  cut(isCut) {
    this.isCut = isCut;
    this.offer(isCut ? 'Mend' : 'Cut off');
    if (isCut) {
      this.show('waiting', 'cut off');
      this.rooms.drop();
    } else {
      this.show('waiting', 'reconnecting');
      comeBack();
    }
  }

  // What the button does.
  offer(text) {
    this.button.textContent = text;
    this.button.setAttribute('aria-label', `${text} ${this.name}`);
  }

  heard(text) {
    const who = NAMED.exec(text);
    const line = make('li', who?.[1] === this.name ? 'message mine' : 'message');
    if (who) line.append(make('b', '', `${who[1]}: `), text.slice(who[0].length));
    else line.append(text);
    append(this.said, line, MOST_LINES);
  }

  note(text) {
    append(this.said, make('li', 'note', text), MOST_LINES);
  }

  show(state, text) {
    this.state.className = `state ${state}`;
    say(this.state, text);
  }
}

// What a browser says when its network is back: whoever waits need not.
function comeBack() {
  globalThis.dispatchEvent(new Event('online'));
}

function present(members) {
  const names = new Map();
  for (const { info } of members) {
    const name = String(info?.name ?? 'somebody').slice(0, 20);
    names.set(name, (names.get(name) ?? 0) + 1);
  }
  const each = [...names].sort().map(([name, count]) => (count > 1 ? `${name} × ${count}` : name));
  return `Here: ${each.join(', ')}`;
}
