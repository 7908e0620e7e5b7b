import { crc32c } from "../../../encoding/crc32c.js";
import { newerForm } from "../errors.js";

/*
 * A segment begins with 4,096 bytes of header, which have the same 128 bytes twice, at 0 and at
 * 2,048: one bad sector leaves the other copy. All numbers are big-endian:
 *
 *    0  CRC-32C of what follows up to 128
 *    4  "chatlog\n"
 *   12  version of the form (2 bytes): 3 if there may be other rooms than `main`, else 2
 *   14  identity of the log (8)
 *   22  serial of the segment, as in its name (4)
 *   26  salt (4)
 *   30  sequence of the first message that it may have (6)
 *   36  bytes of payload that the log took before it (6)
 *   42  when the log took the last message before it, in ms since 1970 (6)
 *   48  sequence of the oldest message that was kept when it was made (6)
 *   54  salt of the segment before, 0 if there was none (4)
 *   58  where that ends, in bytes (4)
 */

/**
 * Raised when a change of the format would make older programs misread it. Format 1 was LevelDB.
 */
export const formVersion = 2;

/**
 * The version of a segment that may have messages of rooms other than `main`. Programs that do not
 * know rooms would show these as messages of `main`, so they refuse to open a log with such a
 * segment.
 */
export const roomsFormVersion = 3;

/** Bytes before the first item of a segment. */
export const segmentHeaderLength = 4096;

const copyLength = 128;
const copyPlaces = [0, 2048];
const magic = "chatlog\n";

/** The contents of a segment's header. */
export interface SegmentHeader {
  readonly identity: string;
  readonly serial: number;
  readonly salt: number;
  /** Whether there may be messages of rooms other than `main`. */
  readonly hasRooms: boolean;
  /** Sequence of the first message that the segment may have. */
  readonly first: number;
  /** Bytes of payload that the log stored before. */
  readonly totalBytes: number;
  /** When the log stored the previous message, in milliseconds since 1970. */
  readonly sentAt: number;
  /** The oldest message that was kept at that time. */
  readonly firstKept: number;
  /** Salt of the previous segment, 0 if there was none. */
  readonly previousSalt: number;
  /** Where the previous segment ends, in bytes. */
  readonly previousEnd: number;
}

/** Makes the first bytes of a segment. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const target = Buffer.alloc(segmentHeaderLength);
  target.write(magic, 4, "latin1");
  target.writeUInt16BE(header.hasRooms ? roomsFormVersion : formVersion, 12);
  target.write(header.identity, 14, "latin1");
  target.writeUInt32BE(header.serial, 22);
  target.writeUInt32BE(header.salt, 26);
  target.writeUIntBE(header.first, 30, 6);
  target.writeUIntBE(header.totalBytes, 36, 6);
  target.writeUIntBE(header.sentAt, 42, 6);
  target.writeUIntBE(header.firstKept, 48, 6);
  target.writeUInt32BE(header.previousSalt, 54);
  target.writeUInt32BE(header.previousEnd, 58);
  target.writeUInt32BE(crc32c(target, 4, copyLength), 0);
  target.copyWithin(copyPlaces[1]!, 0, copyLength);
  return target;
}

/**
 * Reads the header of a segment from its first bytes; undefined if both copies are damaged. Throws
 * `failed_precondition` if it has a newer format.
 *
 * @param path for the error's text
 */
export function decodeSegmentHeader(bytes: Buffer, path: string): SegmentHeader | undefined {
  for (const at of copyPlaces) {
    const end = at + copyLength;
    if (
      bytes.length < end ||
      bytes.toString("latin1", at + 4, at + 12) !== magic ||
      bytes.readUInt32BE(at) !== crc32c(bytes, at + 4, end)
    ) {
      continue;
    }
    const version = bytes.readUInt16BE(at + 12);
    if (version > roomsFormVersion) {
      throw newerForm({ path, form: version, known: roomsFormVersion });
    }
    return {
      identity: bytes.toString("latin1", at + 14, at + 22),
      serial: bytes.readUInt32BE(at + 22),
      salt: bytes.readUInt32BE(at + 26),
      hasRooms: version >= roomsFormVersion,
      first: bytes.readUIntBE(at + 30, 6),
      totalBytes: bytes.readUIntBE(at + 36, 6),
      sentAt: bytes.readUIntBE(at + 42, 6),
      firstKept: bytes.readUIntBE(at + 48, 6),
      previousSalt: bytes.readUInt32BE(at + 54),
      previousEnd: bytes.readUInt32BE(at + 58),
    };
  }
  return undefined;
}
