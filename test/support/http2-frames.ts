/* HTTP/2 by hand (RFC 9113), for frames that no client would send. */

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const frameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { ack: 1, endStream: 1, endHeaders: 4 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function frame(
  type: number,
  flags = 0,
  stream = 0,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** SETTINGS of these values, by their numbers. */
export function settings(values: Readonly<Record<number, number>> = {}): Buffer {
  const entries = Object.entries(values).map(([id, value]) => {
    const entry = Buffer.alloc(6);
    entry.writeUInt16BE(Number(id));
    entry.writeUInt32BE(value, 2);
    return entry;
  });
  return frame(frameType.settings, 0, 0, Buffer.concat(entries));
}

/** The number of the setting that has a new stream's window. */
export const initialWindowSize = 4;

export function settingsAck(): Buffer {
  return frame(frameType.settings, flag.ack);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A header block, each field a literal that is not indexed. */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => [
      Buffer.of(0),
      hpackText(name),
      hpackText(value),
    ]),
  );
}

function hpackText(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const length: number[] = [];
  let rest = bytes.length;
  if (rest < 127) {
    length.push(rest);
  } else {
    length.push(127);
    for (rest -= 127; rest > 127; rest >>>= 7) {
      length.push((rest & 127) | 128);
    }
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** The headers of a call by POST. */
export function callHeaders(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    ":method": "POST",
    ":scheme": "http",
    ":authority": "localhost",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  };
}

/** The whole frames at the start of what was received. */
export function parseFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) {
      break;
    }
    frames.push({
      type: bytes[at + 3]!,
      flags: bytes[at + 4]!,
      stream: bytes.readUInt32BE(at + 5) & 0x7fffffff,
      payload: bytes.subarray(at + 9, end),
    });
    at = end;
  }
  return frames;
}

/** The codes of the GOAWAY frames among what was received. */
export function goawayCodes(bytes: Buffer): number[] {
  return parseFrames(bytes)
    .filter(({ type }) => type === frameType.goaway)
    .map(({ payload }) => payload.readUInt32BE(4));
}

/** The codes of RST_STREAM among what was received, by stream. */
export function resetCodes(bytes: Buffer): Map<number, number> {
  return new Map(
    parseFrames(bytes)
      .filter(({ type }) => type === frameType.rstStream)
      .map(({ stream, payload }) => [stream, payload.readUInt32BE(0)]),
  );
}

export const enhanceYourCalm = 11;
