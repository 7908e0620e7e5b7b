import { join } from "node:path";
import type { RoomTable } from "./rooms/room-table.js";
import { type SegmentHeader, segmentHeaderLength } from "./segment-header.js";
import type { SegmentIndex } from "./segment-index.js";

/** A file of the log: items from the end of its header to `end`. */
export class Segment {
  readonly path: string;
  readonly serial: number;
  readonly salt: number;
  /** Whether there may be messages of other rooms than `main`. */
  readonly hasRooms: boolean;
  /** Sequence of the first message that it may have. */
  readonly first: number;
  /** Bytes of payload that the log took before it. */
  readonly totalBytes: number;
  /** When the log took the last message before it, in milliseconds since 1970. */
  readonly sentAt: number;
  /** The oldest message that was kept when it was made. */
  readonly firstKept: number;
  /** What is beyond this place of the file does not belong to the log. */
  end = segmentHeaderLength;
  /** Known of the one that is written to; read when it is needed of the others. */
  index: SegmentIndex | undefined;
  /** Of the one that is written to, if it has rooms, and of others until their file is made. */
  rooms: RoomTable | undefined;

  constructor(path: string, header: Omit<SegmentHeader, "identity">) {
    this.path = path;
    this.serial = header.serial;
    this.salt = header.salt;
    this.hasRooms = header.hasRooms;
    this.first = header.first;
    this.totalBytes = header.totalBytes;
    this.sentAt = header.sentAt;
    this.firstKept = header.firstKept;
  }

  /** Where its index is kept. */
  get indexPath(): string {
    return this.path.replace(/seg$/, "idx");
  }

  /** Where it is kept which rooms it has, and where their messages lie. */
  get roomsPath(): string {
    return this.path.replace(/seg$/, "rooms");
  }

  /** Where its ids are kept when retention has removed it before they were forgotten. */
  get idsPath(): string {
    return this.path.replace(/seg$/, "ids");
  }
}

/** The path of the segment with a serial. */
export function segmentPath(dir: string, serial: number): string {
  return join(dir, `${String(serial).padStart(8, "0")}.seg`);
}
