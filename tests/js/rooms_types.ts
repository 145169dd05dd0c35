// A page in TypeScript, as one would write it: it compiles, strictly, or a test fails.
import { Rooms, Room, RoomsError, type Position } from "../../txsockjs/rooms/browser/rooms.js";

interface Info {
  name: string;
}

const kept: Position | null = localStorage.getItem("position");
const rooms = new Rooms("/rooms", { transports: ["websocket", "xhr-polling"], maxDelay: 5000, answerTimeout: 60000, checkDelay: 0 });
const plain = new Rooms("/rooms", { connect: () => new WebSocket("wss://x/rooms/websocket") });

rooms.addEventListener("close", ({ detail }) => {
  const text: string = `${detail.code} ${detail.reason} ${detail.delay ?? "for good"}`;
  console.log(text, rooms.connected, plain.connected);
});

const lobby: Room<Info> = rooms.join<Info>("lobby", {
  info: { name: "ada" },
  presence: true,
  recent: 20,
  since: kept,
});
lobby.addEventListener("message", ({ detail }) => {
  console.log(detail.text.toUpperCase());
  if (lobby.position !== null) localStorage.setItem("position", lobby.position);
});
lobby.addEventListener("presence", ({ detail }) => {
  const names: string[] = detail.members.map((member) => member.info.name);
  console.log(names.join(), detail.total);
});
lobby.addEventListener("error", ({ detail }) => console.log(detail.error.code));

async function talk(): Promise<void> {
  await lobby.joined;
  try {
    const position: Position | undefined = await lobby.publish("hello");
    console.log(position, lobby.state === "joined", lobby.member, lobby.members.length);
  } catch (error) {
    if (error instanceof RoomsError && error.uncertain) console.log(error.message);
  }
  await lobby.leave();
  rooms.drop("to be sure that nothing is missing");
  rooms.close(1000, "bye");
}

// @ts-expect-error: there is no such event.
lobby.addEventListener("messages", () => {});
// @ts-expect-error: an info of this room has a name.
rooms.join<Info>("other", { info: { nick: "ada" } });
// @ts-expect-error: a room is made by joining it.
new Room();

void talk();
