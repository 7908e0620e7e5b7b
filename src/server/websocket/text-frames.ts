const finalText = 0x81;
const shortLength = 125;
const mediumLength = 0xffff;
const mediumMark = 126;
const longMark = 127;

const made = new WeakMap<readonly string[], Buffer>();

/**
 * Text messages as frames of a server (RFC 6455, 5.2), one after the other. A server's frames are
 * the same on all sockets without extensions: those of one array are made once, for everybody who
 * is sent it.
 */
export function textFrames(texts: readonly string[]): Buffer {
  let frames = made.get(texts);
  if (!frames) {
    frames = makeFrames(texts);
    made.set(texts, frames);
  }
  return frames;
}

function makeFrames(texts: readonly string[]): Buffer {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const frames = Buffer.allocUnsafe(
    lengths.reduce((sum, length) => sum + headerLength(length) + length, 0),
  );
  let at = 0;
  for (const [i, text] of texts.entries()) {
    at = writeHeader(frames, at, lengths[i]!);
    at += frames.write(text, at);
  }
  return frames;
}

function headerLength(length: number): number {
  return length <= shortLength ? 2 : length <= mediumLength ? 4 : 10;
}

function writeHeader(target: Buffer, offset: number, length: number): number {
  target[offset] = finalText;
  if (length <= shortLength) {
    target[offset + 1] = length;
  } else if (length <= mediumLength) {
    target[offset + 1] = mediumMark;
    target.writeUInt16BE(length, offset + 2);
  } else {
    target[offset + 1] = longMark;
    target.writeBigUInt64BE(BigInt(length), offset + 2);
  }
  return offset + headerLength(length);
}
