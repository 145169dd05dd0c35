/** JSON, as an info can be. */
export type JSONValue =
  | string
  | number
  | boolean
  | null
  | JSONValue[]
  | { [name: string]: JSONValue };

/** Where in a room's history a message stands; opaque, to be kept as it is. */
export type Position = string;

/** Somebody who is present. */
export interface Member<Info = JSONValue> {
  readonly id: string;
  readonly info: Info;
}

/** What a connection must have: a SockJS object has it, and so has a WebSocket. */
export interface Socket {
  onopen: ((event: any) => any) | null;
  onmessage: ((event: any) => any) | null;
  onclose: ((event: any) => any) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  /** How SockJS carries it, once it is open. */
  readonly transport?: string | null;
}

export interface RoomsOptions {
  /** The constructor of sockjs-client; the global one if it is not given. */
  SockJS?: new (url: string, reserved?: any, options?: any) => Socket;
  /** The transports that SockJS may use. */
  transports?: string | string[];
  /** What makes a connection, in place of SockJS. */
  connect?: () => Socket;
  /** Milliseconds before the first attempt to connect again; later ones wait longer. */
  firstDelay?: number;
  /** Milliseconds that such an attempt waits at the most. */
  maxDelay?: number;
  /**
   * Milliseconds of silence after which the connection is taken to be lost; 0: never.
   * A plain WebSocket shows no heartbeats: set 0 there.
   */
  silence?: number;
  /** Milliseconds that publish waits for a room that is away. */
  timeout?: number;
  /**
   * Milliseconds of waiting for an answer after which it is taken to be lost, and the
   * connection with it; 0: never.
   */
  answerTimeout?: number;
  /**
   * Milliseconds after which, over HTTP, the server is asked again how far it has come,
   * once something is heard of it; 0: never.
   */
  checkDelay?: number;
  /** Whether the server has closed for good; by default with a code from 4000 on. */
  isFinal?: (code: number) => boolean;
}

export interface JoinOptions<Info = JSONValue> {
  /** What others see of this member. Without one, it is not present. */
  info?: Info;
  /** Whether to be told who is present. */
  presence?: boolean;
  /** How many of the newest messages to get. */
  recent?: number;
  /** The position that was seen last, before the page was loaded. */
  since?: Position | null;
}

export interface RoomsEvents {
  open: CustomEvent<{}>;
  /** The delay, in milliseconds, before it connects again; null if it will not. */
  close: CustomEvent<{ code: number; reason: string; delay: number | null }>;
}

export interface RoomEvents<Info = JSONValue> {
  message: CustomEvent<{ text: string; position?: Position }>;
  /** Whether nothing was missed since it was joined last. */
  joined: CustomEvent<{ member?: string; position?: Position; recovered: boolean }>;
  away: CustomEvent<{}>;
  /** Messages are lost for good. */
  gap: CustomEvent<{ position?: Position }>;
  presence: CustomEvent<{ members: Member<Info>[]; total: number }>;
  error: CustomEvent<{ error: RoomsError }>;
}

/** What was asked of a room could not be done. */
export class RoomsError extends Error {
  constructor(code: string, message: string, uncertain?: boolean);
  /** What kind it is: those of the protocol, "disconnected", "left" or "closed". */
  code: string;
  /** Whether it may have been done all the same. */
  uncertain: boolean;
}

/** The rooms of one service, over one connection at a time. */
export class Rooms {
  constructor(url: string, options?: RoomsOptions);
  /** Whether it is connected now. */
  readonly connected: boolean;
  /** The rooms that it is in or wants to be in, by name. */
  readonly rooms: Map<string, Room>;
  /** Join a room, now and whenever the connection is made again. */
  join<Info = JSONValue>(name: string, options?: JoinOptions<Info>): Room<Info>;
  /** Leave all rooms, and connect no more. */
  close(code?: number, reason?: string): void;
  /** Drop the connection as a network would, and go on; the event close has the reason. */
  drop(reason?: string): void;
  addEventListener<Type extends keyof RoomsEvents>(
    type: Type,
    listener: (event: RoomsEvents[Type]) => any,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<Type extends keyof RoomsEvents>(
    type: Type,
    listener: (event: RoomsEvents[Type]) => any,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** One room, as long as it is wanted. Made by Rooms.join. */
export class Room<Info = JSONValue> {
  private constructor();
  readonly name: string;
  /** "away": it will be joined again. */
  readonly state: "joining" | "joined" | "away" | "over";
  /** The id under which it is present, if it is. */
  readonly member?: string;
  /** The position of the last message, to begin with after the page was loaded again. */
  readonly position: Position | null;
  /** Who is present, as far as it was told, if it asked for presence. */
  readonly members: Member<Info>[];
  /** Resolves when the room is joined; now, if it is. */
  readonly joined: Promise<Room<Info>>;
  /**
   * Publish a text. Resolves with its position (undefined in a room without a history)
   * once the server has taken it. It waits for the room to be joined, for a while.
   */
  publish(text: string): Promise<Position | undefined>;
  /** Leave, and join no more. */
  leave(): Promise<void>;
  addEventListener<Type extends keyof RoomEvents>(
    type: Type,
    listener: (event: RoomEvents<Info>[Type]) => any,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<Type extends keyof RoomEvents>(
    type: Type,
    listener: (event: RoomEvents<Info>[Type]) => any,
    options?: boolean | EventListenerOptions,
  ): void;
}
