/*
 * Text from others, where people read it: on a terminal, in the server's log, on the page.
 * What is in it must show. It must not be obeyed (a terminal's controls), look like another
 * line, turn the text around it, or hide in it.
 */

/*
 * What shows as an escape:
 *
 * - controls (C0, DEL, C1);
 * - line and paragraph separators;
 * - what Unicode says is not shown (Default_Ignorable_Code_Point): what sets the direction of text,
 *   characters of no width, fillers, the soft hyphen, deprecated formats, tags. But for the joiners
 *   U+200C and U+200D, which scripts and emoji need, and for variation selectors, which choose the
 *   form of what is before them;
 * - the marks of annotations between lines.
 *
 * The first alternative is the flag of a region, such as Scotland's, which is written in tags: a
 * black flag, the region, and the tag that ends it. It is longer than one character, and stays.
 */
const flagOrUnsafe =
  /\u{1f3f4}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{3,6}\u{e007f}|(?!\u200c|\u200d|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}|[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufff9-\ufffb]/gu;
/** Most texts need no closer look. */
const beyondPrintable = /[^ -~]/;

/**
 * The same text, in which whatever does not show, or is more than text, stands as "\u202e" does
 * in JSON (one beyond U+FFFF as its two halves). In JSON that is the same string still.
 *
 * Escaped are controls (C0, DEL, C1), line and paragraph separators, and what Unicode says is not
 * shown: what sets the direction of text, characters of no width, fillers, the soft hyphen,
 * deprecated format characters, tag characters outside the flag of a region. The joiners U+200C and
 * U+200D and variation selectors stay.
 *
 * @param kept controls that stay as they are, such as "\n" where lines are wanted. Default: none
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
