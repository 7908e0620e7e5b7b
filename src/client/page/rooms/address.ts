import { mainRoom } from "../../../protocol/rooms.js";

/** The contents of the page's address after `#`. */
export interface Address {
  /** The room's title, which may be invalid; undefined if there is none. */
  readonly room: string | undefined;
  /** Sequence of the message to show. */
  readonly sequence: bigint | undefined;
}

/** Parses `#team/alpha`, and `#team/alpha@42`, the address of a message. */
export function parseAddress(hash: string): Address {
  const [, room, sequence] = /^#?(.*?)(?:@(\d{1,18}))?$/s.exec(decoded(hash))!;
  return { room: room || undefined, sequence: sequence ? BigInt(sequence) : undefined };
}

/** The address of a room, or of a message in it. Empty is `main`. */
export function addressOf(room: string, sequence?: bigint): string {
  return `#${room || mainRoom}${sequence === undefined ? "" : `@${sequence}`}`;
}

function decoded(hash: string): string {
  try {
    return decodeURIComponent(hash);
  } catch {
    return hash;
  }
}
