// The network, as this page has it. Whatever opens a session asks here, so that one switch
// can cut them all and one choice says by which transport they go.

const OFF = 'The network is off.';

export class Network extends EventTarget {
  #sockets = new Set();
  isOn = true;
  transport = ''; // the one that was chosen; empty for the client's own choice

  // Open a session. With a transport of its own it is no part of what is counted.
  connect(path, own = '') {
    if (!this.isOn) throw new Error(OFF);
    const wanted = own || this.transport;
    const socket = new SockJS(path, null, wanted ? { transports: [wanted] } : {});
    if (!own) this.#count(socket);
    return socket;
  }

  #count(socket) {
    this.#sockets.add(socket);
    const changed = () => this.#tell('sessions');
    socket.addEventListener('open', changed);
    socket.addEventListener('close', () => {
      this.#sockets.delete(socket);
      changed();
    });
  }

  // How many sessions are open.
  get open() {
    return this.#opened().length;
  }

  // How many of them keep a connection of the few that a browser has for a server: by
  // HTTP/1.1 there are six, and WebSockets are none of these.
  get held() {
    return this.#opened().filter((socket) => socket.transport !== 'websocket').length;
  }

  #opened() {
    return [...this.#sockets].filter((socket) => socket.readyState === SockJS.OPEN);
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
