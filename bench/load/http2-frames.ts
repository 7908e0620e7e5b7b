/* The few parts of HTTP/2 (RFC 9113) and HPACK (RFC 7541) that the load client needs. */

export const frameTypes = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flags = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export const frameHeaderLength = 9;

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** A frame with this payload. */
export function frame(
  type: number,
  flag: number,
  stream: number,
  payload: Uint8Array = new Uint8Array(0),
): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeaderLength + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flag;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, frameHeaderLength);
  return bytes;
}

/** Settings of the receiver: windows as large as possible. */
export const maxWindow = 2 ** 31 - 1;
/** The window of a connection, and of a stream until SETTINGS say otherwise. */
export const defaultWindow = 65_535;

/** SETTINGS: no dynamic HPACK table, so that headers can be parsed without one; large windows. */
export function clientSettings(): Buffer {
  const payload = Buffer.alloc(18);
  payload.writeUInt16BE(1, 0); // SETTINGS_HEADER_TABLE_SIZE
  payload.writeUInt32BE(0, 2);
  payload.writeUInt16BE(2, 6); // SETTINGS_ENABLE_PUSH
  payload.writeUInt32BE(0, 8);
  payload.writeUInt16BE(initialWindowSetting, 12);
  payload.writeUInt32BE(maxWindow, 14);
  return frame(frameTypes.settings, 0, 0, payload);
}

export const initialWindowSetting = 4;

export function windowUpdate(stream: number, increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment);
  return frame(frameTypes.windowUpdate, 0, stream, payload);
}

/** A header block: literals, nothing indexed but `:method POST` and `:scheme http`. */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [Buffer.of(0x83, 0x86)];
  for (const [name, value] of Object.entries(headers)) {
    parts.push(Buffer.of(0), literal(name), literal(value));
  }
  return Buffer.concat(parts);
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const head: number[] = [];
  if (bytes.length < 127) {
    head.push(bytes.length);
  } else {
    head.push(127);
    let rest = bytes.length - 127;
    for (; rest > 127; rest >>= 7) {
      head.push((rest & 127) | 128);
    }
    head.push(rest);
  }
  return Buffer.concat([Buffer.from(head), bytes]);
}

/** Whether a response's header block begins with `:status: 200`. */
export function saysStatus200(block: Buffer): boolean {
  let at = 0;
  while ((block[at]! & 0xe0) === 0x20) {
    at++; // The size of the dynamic table: 0.
  }
  return block[at] === 0x88;
}

/** "grpc-status", plain and in HPACK's Huffman code, each with its length, then "0". */
const statusZero = [
  Buffer.from("\x0bgrpc-status\x010", "latin1"),
  Buffer.from([0x88, 0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f, 0x01, 0x30]),
];

/** Whether trailers have `grpc-status: 0`. */
export function saysGrpcOk(block: Buffer): boolean {
  return statusZero.some((bytes) => block.includes(bytes));
}
