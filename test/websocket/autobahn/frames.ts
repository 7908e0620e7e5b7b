import { frame as encodeFrame, opcode } from "../../support/websocket-raw.js";

/*
 * The frames of a case as Autobahn's suite has them: it tests servers that echo any message. Here,
 * a message must be one of the dialect, so the frames of a message have what the case says with
 * something around it.
 */

export type Kind = "text" | "binary";

/** What a case says: text, bytes, or how many bytes of filler. */
export type Content = string | Buffer | number;

export interface Frame {
  /** Undefined: that of the messages which the dialect echoes. */
  readonly opcode: number | undefined;
  readonly content: Content;
  readonly isFinal: boolean;
  /** Reserved bits, as Autobahn has them: 4, 2 and 1. */
  readonly reserved: number;
}

interface FrameOptions {
  readonly final?: boolean;
  readonly reserved?: number;
}

/** A frame with this opcode. */
export function frame(
  code: number | undefined,
  content: Content = "",
  { final = true, reserved = 0 }: FrameOptions = {},
): Frame {
  return { opcode: code, content, isFinal: final, reserved };
}

const maker = (code: number | undefined) => (content?: Content, options?: FrameOptions) =>
  frame(code, content, options);

/** A message, or the first frame of one, of the kind that the dialect echoes. */
export const message = maker(undefined);
export const text = maker(opcode.text);
export const binary = maker(opcode.binary);
/** A further frame of a message. */
export const more = maker(opcode.more);
export const ping = maker(opcode.ping);
export const pong = maker(opcode.pong);

const partial = { final: false };
/** The first frame of a message that continues. */
export const begin = (content: Content) => message(content, partial);
/** A further frame, and not the last. */
export const goOn = (content: Content) => more(content, partial);

/** A close frame; without a code: an empty one. */
export function close(code?: number, reason: string | Buffer = ""): Frame {
  const bytes = code === undefined ? [] : [code >> 8, code & 255];
  return frame(opcode.close, Buffer.concat([Buffer.from(bytes), Buffer.from(reason)]));
}

/** A message in frames of this size, the last one smaller. */
export function fragments(code: number, size: number, fragment: number): Frame[] {
  const count = Math.ceil(size / fragment);
  return Array.from({ length: count }, (_, i) =>
    frame(i === 0 ? code : opcode.more, Math.min(fragment, size - i * fragment), {
      final: i === count - 1,
    }),
  );
}

/** How a dialect puts a message together. */
export interface Wrapping {
  /** What it echoes. */
  readonly echoes: Kind;
  /** Of what a case says: the parts of a message, the first and last with what is around it. */
  wrap(kind: Kind, parts: readonly Buffer[]): Wrapped;
  /** A message of this many bytes. */
  fill(kind: Kind, bytes: number): Wrapped;
}

export interface Wrapped {
  readonly parts: readonly Buffer[];
  /** The texts that the server sends back. */
  readonly echoes: readonly string[];
}

/** A frame as it is sent. */
export interface EncodedFrame {
  readonly bytes: Buffer;
  /** What the server sends back for the message that ends with it. */
  readonly echoes: readonly string[];
}

/** The frames as they are sent in a dialect. */
export function encode(frames: readonly Frame[], dialect: Wrapping): EncodedFrame[] {
  const payloads = frames.map(({ content }) => bytesOf(content));
  const echoes = new Map<number, readonly string[]>();
  for (const { kind, indexes, isWhole } of messagesOf(frames, dialect.echoes)) {
    const wrapped = wrapMessage(
      dialect,
      kind,
      indexes.map((i) => frames[i]!.content),
    );
    indexes.forEach((index, i) => {
      payloads[index] = wrapped.parts[i]!;
    });
    if (isWhole) {
      echoes.set(indexes.at(-1)!, wrapped.echoes);
    }
  }
  const own = opcode[dialect.echoes];
  return frames.map(({ opcode: code = own, isFinal, reserved }, i) => ({
    bytes: encodeFrame(code, payloads[i], (isFinal ? 0x80 : 0) | (reserved << 4)),
    echoes: echoes.get(i) ?? [],
  }));
}

function bytesOf(content: Content): Buffer {
  return typeof content === "number" ? Buffer.alloc(content, "*") : Buffer.from(content);
}

interface MessageFrames {
  readonly kind: Kind;
  readonly indexes: number[];
  isWhole: boolean;
}

/** Which frames make a message, also if they are not those of a whole one. */
function messagesOf(frames: readonly Frame[], own: Kind): MessageFrames[] {
  const messages: MessageFrames[] = [];
  let current: MessageFrames | undefined;
  frames.forEach(({ opcode: code = opcode[own], isFinal }, index) => {
    if (code > opcode.binary) {
      return; // A control frame, or a reserved one.
    }
    if (current === undefined || code !== opcode.more) {
      current = { kind: code === opcode.binary ? "binary" : "text", indexes: [], isWhole: false };
      messages.push(current);
    }
    current.indexes.push(index);
    if (isFinal) {
      current.isWhole = true;
      current = undefined;
    }
  });
  return messages;
}

function wrapMessage(dialect: Wrapping, kind: Kind, contents: readonly Content[]): Wrapped {
  const sizes = contents.filter((content) => typeof content === "number");
  if (sizes.length === 0) {
    return dialect.wrap(kind, contents.map(bytesOf));
  }
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const { parts, echoes } = dialect.fill(kind, bytes);
  const whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  let end = 0;
  return {
    parts: sizes.map((size) => {
      end += size;
      return whole.subarray(end - size, end);
    }),
    echoes,
  };
}
