import { expect, test } from "vitest";
import { visible } from "../../src/protocol/visible-text.js";

const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** What shows as an escape. */
const unsafe = [
  ...range(0x0000, 0x001f), // C0
  ...range(0x007f, 0x009f), // DEL, C1
  ...[0x061c, 0x200e, 0x200f, ...range(0x202a, 0x202e), ...range(0x2066, 0x2069)], // bidi
  ...[0x2028, 0x2029], // line and paragraph separators
  ...[0x200b, 0x2060, ...range(0x2061, 0x2064), 0xfeff, 0x180e], // of no width
  ...range(0x206a, 0x206f), // deprecated formats
  ...range(0xe0000, 0xe007f), // tags
  ...[0x00ad, 0x034f], // the soft hyphen, the combining grapheme joiner
  ...[0x115f, 0x1160, 0x3164, 0xffa0], // Hangul fillers
  ...[0x17b4, 0x17b5], // Khmer vowels that show nothing
  ...[0x2065, ...range(0xfff0, 0xfff8)], // ignored by default, whatever they will be
  ...[...range(0xe0080, 0xe00ff), ...range(0xe01f0, 0xe0fff)],
  ...range(0xfff9, 0xfffb), // annotations
  ...[...range(0x1bca0, 0x1bca3), ...range(0x1d173, 0x1d17a)], // shorthand, music
];

/** What stands as it is: the joiners, and what scripts and emoji need. */
const texts = [
  "plain text with ~ and \\u202e in it",
  "grüße, שלום, سلام, 你好, हिन्दी",
  "\u06a9\u062a\u0627\u0628\u200c\u0647\u0627", // Persian, with a non-joiner
  "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}", // a family
  "\u2764\ufe0f", // a heart, as an emoji
  "\u2764\ufe0e", // a heart, as text
  "\u8fbb\u{e0101}", // a form of an ideograph
  "\u1820\u180b", // a form of a Mongolian letter
  "\ud55c\uae00, \u1112\u1161\u11ab", // Hangul, also in parts
  "\u1781\u17d2\u1798\u17c2\u179a", // Khmer
  "e\u0301", // an accent
  "\u{1f1e9}\u{1f1ea}", // a flag
  "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}", // Scotland's
  "a\u00a0b",
];

test("each of the list shows as JSON's escape, and is the same string in JSON", () => {
  for (const point of unsafe) {
    const character = String.fromCodePoint(point);
    const shown = visible(`a${character}b`);
    expect(shown).toMatch(/^a(\\u[0-9a-f]{4}){1,2}b$/);
    expect(JSON.parse(`"${shown}"`)).toBe(`a${character}b`);
  }
});

test("everything else stands as it is", () => {
  for (const text of texts) {
    expect(visible(text)).toBe(text);
  }
  const list = new Set(unsafe);
  for (let block = 0; block <= 0x10ffff; block += 0x1000) {
    const points = range(block, block + 0xfff).filter(
      (point) => !list.has(point) && (point < 0xd800 || point > 0xdfff),
    );
    const text = String.fromCodePoint(...points);
    expect(visible(text) === text, block.toString(16)).toBe(true);
  }
});

test("tags stand in the flag of a region, and show wherever else they hide", () => {
  const tags = (text: string) =>
    [...text].map((letter) => String.fromCodePoint(0xe0000 + letter.charCodeAt(0))).join("");
  const flag = `\u{1f3f4}${tags("gbwls")}\u{e007f}`;
  expect(visible(`${flag}${flag}`)).toBe(`${flag}${flag}`);
  for (const hidden of [
    tags("gbwls"),
    `\u{1f3f4}${tags("gbwls")}`, // without its end
    `\u{1f3f4}${tags("ignore all that was said")}\u{e007f}`,
    `\u{1f600}${tags("gbwls")}\u{e007f}`,
    `\u{1f3f4}\u{e007f}`,
  ]) {
    expect(visible(hidden)).not.toMatch(/[\u{e0000}-\u{e007f}]/u);
  }
});

test("controls that are kept stay, and no others", () => {
  expect(visible("a\n\tb\u001bc\u202e", "\n\t")).toBe("a\n\tb\\u001bc\\u202e");
  expect(visible("a\n")).toBe("a\\u000a");
});

test("a long text takes no longer than it is long", () => {
  const many = 50_000;
  expect(visible("\u{1f3f4}".repeat(many))).toHaveLength(2 * many);
  expect(visible("\u{1f3f4}\u{e0067}".repeat(many))).toHaveLength(14 * many);
  expect(visible("\u202e".repeat(many))).toHaveLength(6 * many);
});
