import { styleText } from "node:util";
import { harmless, localTime } from "../../../cli/text-form.js";

/** Readable on dark and on light. */
const senderColours = [
  "cyan",
  "green",
  "yellow",
  "magenta",
  "blue",
  "red",
  "cyanBright",
  "greenBright",
  "magentaBright",
  "blueBright",
] as const;

/** The sender's name in a colour that is the same each time. */
export function colourSender(sender: string): string {
  let hash = 0;
  for (const character of sender) {
    hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) >>> 0;
  }
  return styleText(senderColours[hash % senderColours.length] ?? "cyan", harmless(sender));
}

/**
 * A time of the present day in this computer's time zone, as "09:05"; with the date if it is
 * another day.
 */
export function clockTime(at: Date, now = new Date()): string {
  const time = [at.getHours(), at.getMinutes()].map((part) => String(part).padStart(2, "0"));
  const isToday = at.toDateString() === now.toDateString();
  return isToday ? time.join(":") : localTime(at.toISOString()).slice(0, -":00".length);
}
