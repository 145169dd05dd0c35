// The network, as this page has it. Whatever opens a session asks here, so that one switch
// can cut them all and one choice says by which transport they go.

const OFF = 'The network is off.';

export class Network extends EventTarget {
  #sockets = new Map(); // and by which transport they are to go, if that was said
  isOn = true;
  transport = ''; // the one that was chosen; empty for the client's own choice

  // Open a session. With a transport of its own it is no part of what is counted.
  connect(path, own = '') {
    if (!this.isOn) throw new Error(OFF);
    const wanted = own || this.transport;
    const socket = new SockJS(path, null, wanted ? { transports: [wanted] } : {});
    if (!own) this.#count(socket, wanted);
    return socket;
  }

  #count(socket, wanted) {
    this.#sockets.set(socket, wanted);
    const changed = () => this.#tell('sessions');
    socket.addEventListener('open', changed);
    socket.addEventListener('close', () => {
      this.#sockets.delete(socket);
      changed();
    });
  }

  // How many sessions are open.
  get open() {
    return [...this.#sockets.keys()].filter(({ readyState }) => readyState === SockJS.OPEN).length;
  }

  // How many keep, or will keep, a connection of the few that a browser has for a server:
  // by HTTP/1.1 there are six, and WebSockets are none of these.
  get held() {
    return [...this.#sockets].filter(([{ readyState, transport }, wanted]) =>
      readyState <= SockJS.OPEN && (transport || wanted || 'websocket') !== 'websocket').length;
  }

  turn(isOn) {
    this.isOn = isOn;
    this.#tell(isOn ? 'on' : 'off');
    this.#tell('sessions');
  }

  choose(transport) {
    this.transport = transport;
    this.#tell('chosen');
  }

  #tell(type) {
    this.dispatchEvent(new Event(type));
  }
}
