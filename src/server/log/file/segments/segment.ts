import { join } from "node:path";
import type { RoomTable } from "./rooms/room-table.js";
import { type SegmentHeader, segmentHeaderLength } from "./segment-header.js";
import type { SegmentIndex } from "./segment-index.js";

/** A file of the log: items from the end of its header to `end`. */
export class Segment {
  readonly path: string;
  readonly serial: number;
  readonly salt: number;
  /** Whether there may be messages of rooms other than `main`. */
  readonly hasRooms: boolean;
  /** Sequence of the first message that the segment may have. */
  readonly first: number;
  /** Bytes of payload that the log stored before it. */
  readonly totalBytes: number;
  /** When the log stored the previous message, in milliseconds since 1970. */
  readonly sentAt: number;
  /** The oldest message that was kept when it was created. */
  readonly firstKept: number;
  /** Anything beyond this place of the file is not part of the log. */
  end = segmentHeaderLength;
  /** Kept in memory for the segment that is being written; loaded on demand for the others. */
  index: SegmentIndex | undefined;
  /**
   * Of the segment that is being written, if it has rooms, and of others until their room file is
   * written.
   */
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

  /** Path of its index file. */
  get indexPath(): string {
    return this.path.replace(/seg$/, "idx");
  }

  /** Path of the file with its rooms and where their messages are. */
  get roomsPath(): string {
    return this.path.replace(/seg$/, "rooms");
  }

  /**
   * Path of the file that keeps its ids after retention has removed it, until they are forgotten.
   */
  get idsPath(): string {
    return this.path.replace(/seg$/, "ids");
  }
}

/** The path of the segment with a serial. */
export function segmentPath(dir: string, serial: number): string {
  return join(dir, `${String(serial).padStart(8, "0")}.seg`);
}
