import type { ChatMessage } from "./chat-message.js";
import { create } from "./element.js";

/** So many colours has page.css for senders. */
const hues = 8;
/** Within so many milliseconds a sender's messages stand under one name. */
const togetherMs = 5 * 60_000;

const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Makes the row of a message. Everything of the message is set as text, never as markup. */
export function createRow({ sender, text, at }: ChatMessage): HTMLElement {
  const row = create("div", `row hue-${hueOf(sender)}`);
  const badge = create("span", "badge", [...sender][0]?.toUpperCase() ?? "?");
  badge.ariaHidden = "true";
  const name = create("bdi", "sender", sender);
  const time = create("time", "time", timeText(at));
  time.dateTime = at.toISOString();
  const head = create("p", "head");
  head.append(name, " ", time);
  const body = create("p", "text", text);
  body.dir = "auto";
  row.append(badge, head, body);
  return row;
}

/** Whether a message goes on where the one before has ended: its name is then not shown. */
export function continues(previous: ChatMessage | undefined, message: ChatMessage): boolean {
  return (
    previous?.sender === message.sender && message.at.getTime() - previous.at.getTime() < togetherMs
  );
}

function timeText(at: Date): string {
  const isToday = at.toDateString() === new Date().toDateString();
  return (isToday ? timeOfDay : dayAndTime).format(at);
}

function hueOf(sender: string): number {
  let hash = 0;
  for (const char of sender) {
    hash = (hash * 31 + char.codePointAt(0)!) >>> 0;
  }
  return hash % hues;
}
