export const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** In the first byte of a frame: it is the last of its message. */
export const fin = 0x80;

/** A client's frame. Its mask is 0, which is good enough here. */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  const head =
    payload.length < 126
      ? Buffer.of(fin | opcode, 0x80 | payload.length)
      : Buffer.of(fin | opcode, 0x80 | 126, payload.length >> 8, payload.length & 255);
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}
