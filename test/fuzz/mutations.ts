import type { Conversation } from "./conversations.js";
import type { Random } from "./random.js";

/** What is played on one connection: its writes, and how it ends. */
export interface Case {
  readonly writes: readonly Buffer[];
  readonly end: "fin" | "reset" | "leave";
}

/** Values that confuse parsers: signs, lengths, ends of lines, ends of UTF-8. */
const sharp = [
  0, 1, 9, 10, 13, 32, 34, 48, 57, 58, 91, 123, 125, 126, 127, 128, 192, 237, 254, 255,
];

/** Mutates a conversation in one to six places, at times with parts of others. */
export function mutate(all: readonly Conversation[], random: Random): Case {
  let parts = [...random.pick(all).parts];
  for (let left = 1 + random.below(6); left > 0; left--) {
    const mutated = random.pick(mutations)([...parts], random, all);
    parts = mutated.length > 0 ? mutated : parts;
  }
  return {
    writes: cut(Buffer.concat(parts), random),
    end: random.pick(["fin", "reset", "leave"]),
  };
}

type Mutation = (parts: Buffer[], random: Random, all: readonly Conversation[]) => Buffer[];

const mutations: readonly Mutation[] = [
  inPart((bytes, at, random) => {
    bytes[at] = bytes[at]! ^ (1 << random.below(8));
    return bytes;
  }),
  inPart((bytes, at, random) => {
    bytes[at] = random.pick(sharp);
    return bytes;
  }),
  inPart((bytes, at, random) => {
    const added = Buffer.alloc(1 + random.below(40), random.pick(sharp));
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
  }),
  inPart((bytes, at, random) =>
    Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(8))]),
  ),
  // The length, type, flags and stream of a frame of HTTP/2; opcode and length of a WebSocket's.
  inPart((bytes, _, random) => {
    bytes[Math.min(random.below(9), bytes.length - 1)] = random.pick(sharp);
    return bytes;
  }),
  (parts, random) => parts.toSpliced(random.below(parts.length), 1),
  (parts, random) => {
    const at = random.below(parts.length);
    return parts.toSpliced(at, 0, ...Array<Buffer>(1 + random.below(30)).fill(parts[at]!));
  },
  (parts, random) => {
    const [taken] = parts.splice(random.below(parts.length), 1);
    return parts.toSpliced(random.below(parts.length + 1), 0, taken!);
  },
  (parts, random, all) =>
    parts.toSpliced(random.below(parts.length + 1), 0, random.pick(random.pick(all).parts)),
  (parts, random) => parts.slice(0, 1 + random.below(parts.length)),
];

/** Changes the bytes of one part; `at` is a place in it. */
function inPart(change: (bytes: Buffer, at: number, random: Random) => Buffer): Mutation {
  return (parts, random) => {
    const index = random.below(parts.length);
    const bytes = Buffer.from(parts[index]!);
    return bytes.length === 0
      ? parts
      : parts.with(index, change(bytes, random.below(bytes.length), random));
  };
}

/** Divides what is sent into one to four writes. */
function cut(bytes: Buffer, random: Random): Buffer[] {
  const places = Array.from({ length: random.below(4) }, () => random.below(bytes.length + 1));
  const ends = [...places, bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}
