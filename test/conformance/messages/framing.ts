/*
 * The suite speaks with a program under test by its standard input and output: each message is
 * preceded by its length, 4 bytes, big-endian.
 */

const lengthBytes = 4;

/** The messages that come in, one after the other. */
export async function* readFrames(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const chunk of input) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= lengthBytes && rest.length >= lengthBytes + rest.readUInt32BE(0)) {
      const end = lengthBytes + rest.readUInt32BE(0);
      yield rest.subarray(lengthBytes, end);
      rest = rest.subarray(end);
    }
  }
}

/** Sends one message. */
export function writeFrame(message: Uint8Array): void {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(message.length);
  process.stdout.write(Buffer.concat([length, message]));
}
