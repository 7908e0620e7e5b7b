import { create } from "../element.js";
import { addressOf } from "../rooms/address.js";
import type { ChatMessage } from "./chat-message.js";
import { textNodes } from "./message-text.js";

/** How many colours the page's styles have for senders. */
const hues = 8;
/** How long messages of one sender are shown under one name, in milliseconds. */
const togetherMs = 5 * 60_000;

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const fullTime = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

/** Selects the link to a message in its row. */
export const messageLink = "a.time";

/** Creates the row of a message. All its contents are set as text, never as HTML. */
export function createRow({ room, sequence, sender, text, at }: ChatMessage): HTMLElement {
  const row = create("div", `row hue-${hueOf(sender)}`);
  const date = create("p", "day", day.format(at));
  const badge = create("span", "badge", [...sender][0]?.toUpperCase() ?? "?");
  badge.ariaHidden = "true";
  const head = create("p", "head");
  head.append(create("bdi", "sender", sender), " ", createLink(room, sequence, at));
  const body = create("p", "text");
  body.append(...textNodes(text));
  body.dir = "auto";
  row.append(date, badge, head, body);
  return row;
}

/** Shows the parts of a row that differ from the row before: the day, the sender. */
export function joinRow(
  row: HTMLElement,
  message: ChatMessage,
  previous: ChatMessage | undefined,
): void {
  const isNewDay = previous?.at.toDateString() !== message.at.toDateString();
  row.classList.toggle("new-day", isNewDay);
  row.classList.toggle("continued", !isNewDay && continues(previous, message));
}

function createLink(room: string, sequence: bigint, at: Date): HTMLAnchorElement {
  const time = create("time", "", timeOfDay.format(at));
  time.dateTime = at.toISOString();
  const link = create("a", "time");
  link.href = addressOf(room, sequence);
  link.title = fullTime.format(at);
  link.tabIndex = -1; // The arrow keys reach it.
  link.append(time);
  return link;
}

/** Whether a message continues the one before it: the sender's name is not repeated. */
function continues(previous: ChatMessage | undefined, message: ChatMessage): boolean {
  return (
    previous?.sender === message.sender && message.at.getTime() - previous.at.getTime() < togetherMs
  );
}

function hueOf(sender: string): number {
  let hash = 0;
  for (const char of sender) {
    hash = (hash * 31 + char.codePointAt(0)!) >>> 0;
  }
  return hash % hues;
}
