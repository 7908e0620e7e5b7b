import type { Case } from "./cases.js";
import { more, ping, text } from "./frames.js";

/*
 * Section 6: texts that are UTF-8, and texts that are not. From 6.5 on they are those of Markus Kuhn's
 * "UTF-8 decoder capability and stress test", as in Autobahn's suite, in hexadecimal.
 */

const partial = { final: false };
const greek = "cebae1bdb9cf83cebcceb5"; // κόσμε
const bytes = (hex: string) => Buffer.from(hex, "hex");
const umlauts = Buffer.from("Hello-µ@ßöäüàá-UTF-8!!");
const umlautsHalf = Buffer.byteLength("Hello-µ@ßöä");

/** A text in frames of one byte, and an empty one at the end. */
const byteByByte = (payload: Buffer) => [
  ...[...payload].map((byte, i) => (i === 0 ? text : more)(Buffer.of(byte), partial)),
  more(""),
];

const surrogate = bytes(`${greek}eda080656469746564`);
const tooHigh = bytes(`${greek}f4908080656469746564`);

/** In frames that end at these offsets; the first is answered before the second is sent. */
const inThree = (first: number, second: number) => [
  [text(tooHigh.subarray(0, first), partial), ping("first")],
  [more(tooHigh.subarray(first, second), partial), more(tooHigh.subarray(second))],
];

const general: readonly Case[] = [
  { id: "6.1.1", sends: [text("")], closes: { goa: 4003, tunnel: 1003 } },
  {
    id: "6.1.2",
    sends: [text("", partial), more("", partial), more("")],
    closes: { goa: 4003, tunnel: 1003 },
  },
  {
    id: "6.1.3",
    sends: [text("", partial), more("middle frame payload", partial), more("")],
  },
  { id: "6.2.1", sends: [text(umlauts)] },
  {
    id: "6.2.2",
    sends: [text(umlauts.subarray(0, umlautsHalf), partial), more(umlauts.subarray(umlautsHalf))],
  },
  { id: "6.2.3", sends: byteByByte(umlauts) },
  { id: "6.2.4", sends: byteByByte(bytes(greek)) },
  { id: "6.3.1", sends: [text(surrogate)], closes: 1007 },
  { id: "6.3.2", sends: byteByByte(surrogate), closes: 1007 },
  { id: "6.4.1", sends: inThree(11, 15), closes: 1007 },
  { id: "6.4.2", sends: inThree(12, 13), closes: 1007 },
  { id: "6.4.3", sends: [text(tooHigh, partial), more("")], closes: 1007, chop: 17 },
  { id: "6.4.4", sends: [text(tooHigh, partial), more("")], closes: 1007, chop: 1 },
];

const range = (from: number, end: number) =>
  Array.from({ length: end - from }, (_, i) => (from + i).toString(16));
/** Each with a blank behind it. */
const lonely = (from: number, end: number) =>
  range(from, end)
    .map((hex) => `${hex}20`)
    .join("");
const incomplete = "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf".split(
  " ",
);
/** U+1FFFE and U+1FFFF to U+10FFFE and U+10FFFF. */
const nonCharacters = range(0x1, 0x11).flatMap((plane) =>
  ["fffe", "ffff"].map((low) =>
    Buffer.from(String.fromCodePoint(Number.parseInt(plane + low, 16))).toString("hex"),
  ),
);

/** From 6.5 on: what a section is about, the texts that are valid, and those that are not. */
const sections: readonly (readonly [title: string, valid: string[], invalid: string[]])[] = [
  [
    "valid",
    [
      "68656c6c6f24776f726c64",
      "68656c6c6fc2a2776f726c64",
      "68656c6c6fe282ac776f726c64",
      "68656c6c6ff0a4ada2776f726c64",
      greek,
    ],
    [],
  ],
  [
    "prefixes of a valid text",
    [2, 5, 7, 9, 11].map((end) => greek.slice(0, 2 * end)),
    [1, 3, 4, 6, 8, 10].map((end) => greek.slice(0, 2 * end)),
  ],
  ["first of a length", ["00", "c280", "e0a080", "f0908080"], []],
  ["first of 5 and 6 bytes", [], ["f888808080", "fc8480808080"]],
  ["last of a length", ["7f", "dfbf", "efbfbf", "f48fbfbf"], []],
  ["last of 4, 5 and 6 bytes", [], ["f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"]],
  ["other boundaries", ["ed9fbf", "ee8080", "efbfbd", "f48fbfbf"], ["f4908080"]],
  [
    "unexpected continuations",
    [],
    [
      "80",
      "bf",
      "80bf",
      "80bf80",
      "80bf80bf",
      "80bf80bf80",
      "80bf80bf80bf",
      range(0x80, 0xbf).join(""),
    ],
  ],
  [
    "lonely starts",
    [],
    [
      lonely(0xc0, 0xdf),
      lonely(0xe0, 0xef),
      lonely(0xf0, 0xf7),
      lonely(0xf8, 0xfb),
      lonely(0xfc, 0xfd),
    ],
  ],
  ["last continuation missing", [], incomplete],
  ["incomplete ones together", [], [incomplete.join("")]],
  ["impossible bytes", [], ["fe", "ff", "fefeffff"]],
  ["overlong ASCII", [], ["c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"]],
  ["longest overlong ones", [], ["c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"]],
  ["overlong NUL", [], ["c080", "e08080", "f0808080", "f880808080", "fc8080808080"]],
  ["surrogates", [], ["eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf"]],
  [
    "pairs of surrogates",
    [],
    ["eda080", "edadbf", "edae80", "edafbf"].flatMap((high) => [`${high}edb080`, `${high}edbfbf`]),
  ],
  ["no characters, but valid", ["efbfbe", "efbfbf", ...nonCharacters], []],
  ["specials", ["efbfb9", "efbfba", "efbfbb", "efbfbc", "efbfbd", "efbfbe", "efbfbf"], []],
];

export const utf8Cases: readonly Case[] = [
  ...general,
  ...sections.flatMap(([title, valid, invalid], i) => {
    const toCase = (closes: number | undefined) => (hex: string) => ({
      id: `6.${i + 5} ${title}: ${hex}`,
      sends: [text(bytes(hex))],
      closes,
    });
    return [...valid.map(toCase(undefined)), ...invalid.map(toCase(1007))];
  }),
];
