import { Rooms } from "./rooms.js";

const NAMES = ["ada", "grace"];
const MOST_LINES = 200;

const picker = document.getElementById("transport");

// One window of the chat: a person with a network of its own, which can be cut.
class Chatter {
  constructor(name) {
    const piece = document.getElementById("chatter").content.cloneNode(true);
    const element = piece.querySelector("article");
    const find = (selector) => element.querySelector(selector);
    this.name = name;
    this.isCut = false;
    this.state = find(".state");
    this.present = find(".present");
    this.said = find(".said");
    this.button = find(".cut");

    element.id = `chat-${name}`;
    element.setAttribute("aria-labelledby", `chat-${name}-title`);
    find("h3").id = `chat-${name}-title`;
    find("h3").textContent = name;
    this.said.setAttribute("aria-label", `What ${name} hears`);
    const input = find("input");
    input.setAttribute("aria-label", `Message of ${name}`);
    find("form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (input.value) this.say(input.value);
      input.value = "";
    });
    this.button.addEventListener("click", () => this.cut(!this.isCut));
    document.getElementById("chatters").append(element);

    this.show("connecting", "connecting");
    this.rooms = new Rooms("/rooms", {
      connect: () => this.connect(),
      firstDelay: 250,
      maxDelay: 2000,
    });
    this.room = this.rooms.join("demo", { info: { name }, presence: true, recent: 20 });
    this.listen();
  }

  connect() {
    if (this.isCut) throw new Error("The network is cut.");
    const transports = picker.value ? { transports: picker.value } : {};
    return new SockJS("/rooms", null, transports);
  }

  listen() {
    const { rooms, room } = this;
    let came = false;
    rooms.addEventListener("close", ({ detail }) => {
      this.show("closed", this.isCut ? "cut off" : `closed, ${detail.code}`);
    });
    room.addEventListener("joined", ({ detail }) => {
      this.show("open", "in the room");
      if (came) {
        this.note(detail.recovered ? "Back. Nothing was missed:" : "Back. Some is missing.");
      }
      came = true;
    });
    room.addEventListener("gap", () => this.note("Some messages are lost."));
    room.addEventListener("error", ({ detail }) => this.note(detail.error.message));
    room.addEventListener("message", ({ detail }) => this.line("message", detail.text));
    room.addEventListener("presence", ({ detail }) => {
      const names = detail.members.map(({ info }) => info.name).sort();
      this.present.textContent = `Here: ${names.join(", ")}`;
    });
  }

  async say(text) {
    try {
      await this.room.publish(`${this.name}: ${text}`);
    } catch (error) {
      this.note(`Not sent: ${error.message}`);
    }
  }

  cut(isCut) {
    this.isCut = isCut;
    this.button.textContent = isCut ? "Mend the network" : "Cut the network";
    this.button.setAttribute("aria-pressed", String(isCut));
    if (isCut) this.rooms.drop();
    // What a browser says when its network is back: whoever waits need not.
    else globalThis.dispatchEvent(new Event("online"));
  }

  show(state, text) {
    this.state.className = `state ${state}`;
    this.state.textContent = text;
  }

  note(text) {
    this.line("note", text);
  }

  line(kind, text) {
    const line = document.createElement("li");
    line.className = kind;
    line.textContent = text;
    this.said.append(line);
    while (this.said.children.length > MOST_LINES) this.said.firstChild.remove();
    this.said.scrollTop = this.said.scrollHeight;
  }
}

if (typeof SockJS !== "undefined") {
  const chatters = NAMES.map((name) => new Chatter(name));
  picker.addEventListener("change", () => {
    for (const { rooms } of chatters) rooms.drop();
  });
}
