/*
 * Text from others, where people read it: on a terminal, in the server log, on the page. Everything
 * in it must be visible. It must not be obeyed (control sequences of a terminal), look like another
 * line, reverse the text around it, or hide in it.
 */

/*
 * Shown as an escape:
 *
 * - control characters (C0, DEL, C1);
 * - line and paragraph separators;
 * - what Unicode declares invisible (Default_Ignorable_Code_Point): what sets the direction of
 *   text, zero-width characters, fillers, the soft hyphen, deprecated format characters, tags.
 *   Except the joiners U+200C and U+200D, which scripts and emoji need, and variation selectors,
 *   which choose the form of the character before them;
 * - interlinear annotation marks.
 *
 * The first alternative is the flag of a region, such as Scotland's, which is written in tags: a
 * black flag, the region, and the tag that ends it. It is longer than one character, and is kept.
 */
const flagOrUnsafe =
  /\u{1f3f4}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{3,6}\u{e007f}|(?!\u200c|\u200d|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}|[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufff9-\ufffb]/gu;
/** Most texts need no closer look. */
const beyondPrintable = /[^ -~]/;

/**
 * The same text, in which every invisible or unsafe character is written like "\u202e" in JSON (one
 * beyond U+FFFF as its two surrogates). In JSON that is still the same string.
 *
 * Escaped are control characters (C0, DEL, C1), line and paragraph separators, and what Unicode
 * declares invisible: what sets the direction of text, zero-width characters, fillers, the soft
 * hyphen, deprecated format characters, tag characters outside the flag of a region. The joiners
 * U+200C and U+200D and variation selectors are kept.
 *
 * @param kept control characters that are kept, such as "\n" where line breaks are wanted. Default:
 * none
 */
export function visible(text: string, kept = ""): string {
  return beyondPrintable.test(text)
    ? text.replace(flagOrUnsafe, (found) =>
        found.length > 2 || kept.includes(found) ? found : escapeUnits(found),
      )
    : text;
}

function escapeUnits(character: string): string {
  let escaped = "";
  for (let i = 0; i < character.length; i++) {
    escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}
