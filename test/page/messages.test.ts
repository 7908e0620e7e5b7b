import { expect, test, vi } from "vitest";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { startChatter } from "../support/chatter-server.js";
import { fill } from "../support/fill.js";
import { describeInBrowser } from "./support/chat-page.js";

describeInBrowser("a message on the page", (open) => {
  test("has its web addresses as links, with nothing around them", async () => {
    const { url, log } = await startChatter();
    const addresses = {
      "see https://a.example/x?y=1#z.": "https://a.example/x?y=1#z",
      "(http://a.example/b_(c))": "http://a.example/b_(c)",
      "HTTPS://A.example, and more": "HTTPS://A.example",
      '<a href="https://a.example/">x</a>': "https://a.example/",
      "https://a.example/\u202egnp.exe": "https://a.example/\\u202egnp.exe",
      "https://münchen.example/ä": "https://münchen.example/ä",
    };
    await fill(log, [...Object.keys(addresses), "the last"]);
    const chat = await open(url);
    await chat.enter();
    await chat.shown("the last");
    const links = await chat.page
      .locator("#rows .text a")
      .evaluateAll((all) =>
        all.map((link) =>
          ["href", "target", "rel"].map((name) => link.getAttribute(name)).concat(link.textContent),
        ),
      );
    expect(links).toEqual(
      Object.values(addresses).map((address) => [
        ...[address, "_blank", "noopener noreferrer nofollow", address],
      ]),
    );
    const texts = Object.keys(addresses).map((text) => text.replace("\u202e", "\\u202e"));
    expect(await chat.texts()).toEqual([...texts, "the last"]);
  });

  test("has no link of anything else", async () => {
    const { url, log } = await startChatter();
    const texts = [
      "javascript:alert(1)",
      "data:text/html,<script>alert(1)</script>",
      "ftp://a.example",
      "http://",
      "https://[",
      "www.a.example",
      "`https://a.example`",
      "```\nhttps://a.example\n```",
      "the last",
    ];
    await fill(log, texts);
    const chat = await open(url);
    await chat.enter();
    await chat.shown("the last");
    expect(await chat.page.locator("#rows .text a").count()).toBe(0);
    expect(await chat.texts()).toHaveLength(texts.length);
  });

  test("shows code between backticks as code, and nothing of it as markup", async () => {
    const { url, log } = await startChatter();
    const texts = [
      "run `npm <b>start</b>` now",
      "```\nline 1\n  `line` 2\n``` and `x`",
      "a ` alone, and `` two, and ```three",
      "`no\ncode`",
    ];
    await fill(log, texts);
    const chat = await open(url);
    await chat.enter();
    await chat.shown("npm <b>start</b>");
    expect(await chat.page.locator("#rows code").allTextContents()).toEqual([
      "npm <b>start</b>",
      "line 1\n  `line` 2\n",
      "x",
    ]);
    expect((await chat.texts()).slice(2)).toEqual(texts.slice(2));
    expect(await chat.page.locator("#rows b").count()).toBe(0);
  });

  test("of 64 KiB is shown at once, whatever it is made of", async () => {
    const { url, log } = await startChatter();
    await fill(log, [
      `https://a.example/${")".repeat(65_000)}`,
      "`".repeat(65_000),
      `\`a${" ".repeat(65_000)}`,
      "```a".repeat(16_000),
      "http://".repeat(9_000),
      "after them",
    ]);
    const chat = await open(url);
    await chat.enter();
    await chat.shown("after them");
  });

  test("says on which day and at what time it came", async () => {
    const days = ["2026-03-01T23:59:05Z", "2026-03-01T23:59:59Z", "2026-03-02T00:00:01Z"];
    const clock = vi.spyOn(Date, "now").mockReturnValue(Date.parse(days[0]!));
    const log = createMemoryLog();
    for (const [i, day] of days.entries()) {
      clock.mockReturnValue(Date.parse(day));
      await fill(log, [`m${i}`]);
    }
    clock.mockRestore();
    const { url } = await startChatter({ log });
    const chat = await open(url, { timezoneId: "UTC" });
    await chat.enter();
    await chat.shown("m2");
    const { page } = chat;
    expect(await page.locator("#rows .day:visible").allTextContents()).toEqual([
      "Sunday, 1 March 2026",
      "Monday, 2 March 2026",
    ]);
    expect(await page.locator("#rows time").allTextContents()).toEqual(["23:59", "23:59", "00:00"]);
    const [title] = await page
      .locator("#rows a.time")
      .evaluateAll((links) => links.map((link) => (link as HTMLElement).title));
    expect(title).toMatch(/Sunday.* 1 March 2026.* 23:59:05 UTC/);
    // Sent two seconds later, by the same sender, but on another day: the name is there again.
    expect(await page.locator("#rows .row:not(.continued)").count()).toBe(2);
  });
});
