import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { startChatter } from "../support/chatter-server.js";
import { describeInBrowser } from "./support/chat-page.js";
import { say } from "./support/page-server.js";

/** A log whose rooms, and last messages, cannot be read until the test lets them. */
function failingLog() {
  const log = createMemoryLog();
  const failing = { rooms: false, last: false };
  const unless = <Args extends unknown[], T>(
    what: keyof typeof failing,
    method: (...args: Args) => T,
  ) => {
    return (...args: Args): T => {
      if (failing[what]) {
        throw new ConnectError(`no ${what} now`, Code.Unavailable);
      }
      return method(...args);
    };
  };
  log.rooms = unless("rooms", log.rooms.bind(log));
  log.beforeLast = unless("last", log.beforeLast.bind(log));
  return { log, failing };
}

describeInBrowser("the state on the page", (open) => {
  test("is not Live while the rooms, or the messages of one, cannot be read", async () => {
    const { log, failing } = failingLog();
    const { url } = await startChatter({ log });
    await say(log, "main", ["hello"]);
    failing.rooms = true;
    const chat = await open(url);
    await chat.logIn();
    await chat.waiting("no rooms now");
    expect(await chat.page.locator("#rooms a").count()).toBe(0);

    failing.last = true;
    failing.rooms = false;
    await chat.page.locator("#rooms a").first().waitFor();
    await chat.waiting("no last now");

    failing.last = false;
    await chat.shown("hello");
    await chat.state("Live");
  }, 60_000);
});
