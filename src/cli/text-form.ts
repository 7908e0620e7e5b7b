import { visible } from "../protocol/visible-text.js";

/* Results as text: for people, and for programs that read words and not JSON. */

/**
 * Formats a result as lines, without the final line break. A message has its time, its room unless
 * that is `main`, its sender and its text; a list has its items; any other result has each field
 * that is not empty.
 */
export function textForm(result: object): string {
  const fields = Object.entries(result);
  const [first] = fields;
  if (fields.length === 1 && Array.isArray(first?.[1])) {
    return first[1].map((item: object) => textForm(item)).join("\n");
  }
  const { message, sender, room, sent_at, added_at } = result as Record<string, unknown>;
  if (typeof message === "string" && typeof sender === "string") {
    const words = [localTime(String(sent_at ?? added_at)), room, harmless(sender)];
    return `${words.filter((word) => word).join(" ")}: ${harmlessLines(message)}`;
  }
  return typeof message === "string" && fields.length === 1
    ? harmlessLines(message)
    : fields
        .filter(([, value]) => value !== "")
        .map(([name, value]) => `${name}=${word(value)}`)
        .join(" ");
}

/** A value in one word, or in quotes. */
function word(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return visible(
    /^[^\s"']+$/.test(text) || typeof value !== "string" ? text : JSON.stringify(text),
  );
}

/** An RFC 3339 time in the time zone of this computer, to the second. */
export function localTime(time: string): string {
  const date = new Date(time);
  const two = (number: number) => String(number).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())];
  const clock = [two(date.getHours()), two(date.getMinutes()), two(date.getSeconds())];
  return `${day.join("-")} ${clock.join(":")}`;
}

/**
 * Text from other users, made safe for a terminal, in one line: unsafe characters are escaped, as
 * in \u001b.
 */
export function harmless(text: string): string {
  return visible(text, "\t");
}

/**
 * Such a text on several lines, all but the first indented: they cannot be mistaken for other
 * messages.
 */
export function harmlessLines(text: string): string {
  return text.split(/\r?\n/).map(harmless).join("\n    ");
}
