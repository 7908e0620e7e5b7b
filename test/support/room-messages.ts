import { roomOf, roomTitle } from "../../src/protocol/rooms.js";
import type {
  Batch,
  MessageLog,
  NewMessage,
  ReadOptions,
  RoomState,
} from "../../src/server/log/message-log.js";
import { RoomSelection } from "../../src/server/rooms/room-selection.js";
import { decode } from "./log-messages.js";

/** A message of a room, as a log has it. */
export interface RoomMessage {
  readonly sequence: number;
  /** Its title: "main" for the empty name. */
  readonly room: string;
  readonly text: string;
}

/** A message to post to a room. */
export function postTo(room: string, text: string, messageId = ""): NewMessage {
  return { text, sender: "goa", messageId, room: roomOf(room) };
}

/** The rooms of names and patterns. */
export function select(...rooms: string[]): RoomSelection {
  return RoomSelection.of(rooms);
}

/** The messages of a batch. Throws if the batch says something else of them. */
export function roomMessages(batch: Batch): RoomMessage[] {
  const messages = decode(batch).map(({ sequence, room, message }) => ({
    sequence: Number(sequence),
    room: roomTitle(room),
    text: message,
  }));
  const { first, last, count } = batch;
  const found = [messages[0]?.sequence, messages.at(-1)?.sequence, messages.length];
  if (found.join() !== [first, last, count].join()) {
    throw new Error(`a batch says ${first} to ${last}, ${count} messages, and has ${found.join()}`);
  }
  return messages;
}

/** Reads from batch to batch until nothing follows. Throws if a batch is not behind the one before. */
export async function readRooms(
  log: MessageLog,
  rooms: RoomSelection,
  after = log.first - 1,
  options: ReadOptions = {},
): Promise<RoomMessage[]> {
  const messages: RoomMessage[] = [];
  for (let last = after; ; ) {
    const batch = await log.read(last, { ...options, rooms });
    if (batch === undefined) {
      return messages;
    }
    if (batch.first <= last || (batch.bytes.length > 65_536 && batch.count > 1)) {
      throw new Error(
        `a batch of ${batch.bytes.length} bytes from ${batch.first} on after ${last}`,
      );
    }
    messages.push(...roomMessages(batch));
    last = batch.last;
  }
}

/** All rooms of a log with how many messages each has, its last one, and how many came since. */
export async function roomList(
  log: MessageLog,
  query: {
    rooms?: RoomSelection;
    prefix?: string;
    after?: string;
    limit?: number;
    since?: number;
  } = {},
): Promise<(Omit<RoomState, "lastAt"> & { lastAt?: number })[]> {
  const { rooms = RoomSelection.all, prefix = "", after = "", limit = 1000, since } = query;
  const found = await log.rooms({ rooms, prefix, after, limit, since });
  return found.map(({ lastAt, ...state }) => ({ ...state, room: roomTitle(state.room) }));
}
