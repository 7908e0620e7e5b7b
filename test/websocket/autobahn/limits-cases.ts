import { rounds } from "../../support/streams.js";
import { opcode } from "../../support/websocket-raw.js";
import type { Case } from "./cases.js";
import { binary, fragments, type Kind, ping, text } from "./frames.js";

/*
 * Section 9: large messages, many fragments, and round trips. Both dialects accept less than
 * Autobahn sends: a message of 512 KiB at most, and in goa's dialect a text of 64 KiB. So each case
 * is there twice: as it is, refused with the code of the docs, and with 64 KiB.
 */

const kib = 1024;
const mib = 1024 * kib;

const large: readonly (readonly [size: number, closes: Case["closes"]])[] = [
  [64 * kib, undefined],
  [256 * kib, { goa: 4003, tunnel: undefined }],
  [1 * mib, 1009],
  [4 * mib, 1009],
  [8 * mib, 1009],
  [16 * mib, 1009],
];
const fragmentSizes = [64, 256, 1 * kib, 4 * kib, 16 * kib, 64 * kib, 256 * kib, 1 * mib, 4 * mib];
/** How much is sent in fragments that is too much. Autobahn sends 4 MiB. */
const tooMuch = (fragment: number) => Math.max(576 * kib, fragment);
const chops = [64, 128, 256, 512, 1 * kib, 2 * kib];
/** Autobahn's sizes but for 0, which is 1.1.1 and 1.2.1. */
const roundTripSizes = [16, 64, 256, 1 * kib, 4 * kib];
/** Autobahn has 1,000. */
const roundTrips = rounds(5);

/** The first of many sizes; all of them where long tests run in full. */
const first = <T>(count: number, all: readonly T[]) =>
  process.env.CHATTER_TEST_ROUNDS === undefined ? all.slice(0, count) : all;

function limitsOf(kind: Kind, sections: readonly [string, string, string, string]): Case[] {
  const [whole, fragmented, chopped, trips] = sections;
  const make = { text, binary }[kind];
  const code = opcode[kind];
  return [
    ...first(3, large).map(([size, closes], i) => ({
      id: `${whole}.${i + 1}`,
      sends: [make(size)],
      closes,
    })),
    ...first(3, fragmentSizes).flatMap((size, i) => [
      {
        id: `${fragmented}.${i + 1}`,
        sends: fragments(code, tooMuch(size), size),
        closes: 1009,
      },
      {
        id: `${fragmented}.${i + 1} with 64 KiB`,
        sends: fragments(code, 64 * kib, size),
      },
    ]),
    ...first(2, chops).flatMap((chop, i) => [
      { id: `${chopped}.${i + 1}`, sends: [make(1 * mib)], chop, closes: 1009 },
      { id: `${chopped}.${i + 1} with 64 KiB`, sends: [make(64 * kib)], chop },
    ]),
    ...first(3, roundTripSizes).map((size, i) => ({
      id: `${trips}.${i + 2}`,
      sends: Array.from({ length: roundTrips }, () => [make(size), ping()]),
    })),
  ];
}

export const limitsCases: readonly Case[] = [
  ...limitsOf("text", ["9.1", "9.3", "9.5", "9.7"]),
  ...limitsOf("binary", ["9.2", "9.4", "9.6", "9.8"]),
];
