import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { rounds } from "../support/streams.js";
import { type ChatPage, describeInBrowser } from "./support/chat-page.js";

/** As many messages as the page keeps in the document. */
const maxRows = 500;

describeInBrowser("the page, with many messages", (open) => {
  test("keeps a window of them: the flood passes, and the end is in sight", async () => {
    const total = rounds(5_000);
    const { url, log } = await startChatter();
    await fill(log, numbered(1_000, "stored "));
    const chat = await open(url);
    await chat.enter();
    await chat.shown("stored 1000");
    expect(await chat.texts()).toEqual(numbered(1_000, "stored ").slice(-50));
    await chat.page.evaluate(() => {
      const rows = document.querySelector("#rows")!;
      const seen = { most: 0, longest: 0, at: performance.now() };
      Object.assign(globalThis, { seen });
      const onFrame = (now: number) => {
        seen.most = Math.max(seen.most, rows.childElementCount);
        seen.longest = Math.max(seen.longest, now - seen.at);
        seen.at = now;
        requestAnimationFrame(onFrame);
      };
      requestAnimationFrame(onFrame);
    });
    const texts = numbered(total);
    for (let i = 0; i < total; i += 100) {
      await fill(log, texts.slice(i, i + 100));
    }
    await chat.page.locator("#rows").getByText(`m${total}`, { exact: true }).waitFor();
    expect(await chat.texts()).toEqual(texts.slice(-maxRows));
    await expect.poll(() => chat.fromEnd()).toBeLessThan(2);
    const { most, longest } = await chat.page.evaluate(
      () => (globalThis as unknown as { seen: { most: number; longest: number } }).seen,
    );
    expect(most).toBeLessThanOrEqual(maxRows);
    // It stays usable all the while: that is tens of milliseconds where nothing else runs.
    expect(longest).toBeLessThan(3_000);
    await chat.post("and it still takes posts");
    await chat.shown("and it still takes posts");
  }, 120_000);

  test("those that come while one logs in are there once, without a hole", async () => {
    const { url, log } = await startChatter();
    const texts = numbered(400);
    await fill(log, texts.slice(0, 50));
    const chat = await open(url);
    const entered = chat.enter();
    let stored = 50;
    const storing = (async () => {
      while (stored < texts.length) {
        await fill(log, texts.slice(stored, ++stored));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    await Promise.all([entered, storing]);
    await chat.shown("m400");
    expectRun(await chat.texts());
  });

  test("loads older ones on scrolling up, newer ones on scrolling down, and keeps the place", async () => {
    const { url, log } = await startChatter();
    const texts = numbered(680);
    await fill(log, texts);
    const chat = await open(url);
    await chat.enter();
    await chat.shown("m680");

    while ((await chat.texts())[0] !== "m1") {
      const first = (await chat.texts())[0]!;
      await chat.scrollTo("start");
      const before = await topOf(chat, first);
      await expect.poll(async () => (await chat.texts())[0]).not.toBe(first);
      expectRun(await chat.texts());
      // It is where it was, though others came before it.
      expect(Math.abs((await topOf(chat, first)) - before)).toBeLessThan(2);
    }
    await chat.page.getByText("This is the beginning.").waitFor();
    expect(await chat.texts()).toEqual(texts.slice(0, maxRows));

    await chat.scrollTo("start");
    const before = await topOf(chat, "m1");
    await fill(log, ["m681", "m682"]);
    await chat.page.getByRole("button", { name: "2 new" }).waitFor();
    expect(await topOf(chat, "m1")).toBe(before);

    while ((await chat.texts()).at(-1) !== "m682") {
      const last = (await chat.texts()).at(-1)!;
      await chat.scrollTo("end");
      await expect.poll(async () => (await chat.texts()).at(-1)).not.toBe(last);
      expectRun(await chat.texts());
    }
    await chat.scrollTo("end");
    await fill(log, ["m683"]);
    await chat.shown("m683");
    expectRun(await chat.texts());
    expect(await chat.page.locator("#latest").isVisible()).toBe(false);

    await chat.scrollTo("start");
    await chat.page.getByRole("button", { name: "Latest" }).click();
    await expect.poll(() => chat.fromEnd()).toBeLessThan(2);
    expect((await chat.texts()).at(-1)).toBe("m683");
  }, 90_000);

  test("one can leave the end in the middle of a flood, and read on undisturbed", async () => {
    const { url, log } = await startChatter();
    await fill(log, numbered(60));
    const chat = await open(url);
    await chat.enter();
    await chat.shown("m60");
    let isFlooding = true;
    const flooding = (async () => {
      for (let i = 0; isFlooding; i++) {
        await fill(log, [`flood ${i}`]);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    try {
      await chat.page.locator("#scroller").hover();
      await chat.page.mouse.wheel(0, -300);
      await chat.page.getByRole("button", { name: " new" }).waitFor();
      const texts = await chat.texts();
      const read = texts[texts.length >> 1]!;
      const before = await topOf(chat, read);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await topOf(chat, read)).toBe(before);
      expect(await chat.texts().then((now) => now[0])).toBe(texts[0]);
    } finally {
      isFlooding = false;
      await flooding;
    }
  });

  test("what is posted while an older message is read is shown at once", async () => {
    const { url, log } = await startChatter();
    await fill(log, numbered(900));
    const chat = await open(url);
    await chat.enter();
    await chat.shown("m900");
    await chat.scrollTo("start");
    await expect.poll(async () => (await chat.texts()).length).toBeGreaterThan(50);
    await chat.scrollTo("start");
    await fill(log, numbered(1_000, "later "));
    await chat.page.getByRole("button", { name: "1000 new" }).waitFor();
    await chat.post("mine");
    await chat.shown("mine");
    await expect.poll(() => chat.fromEnd()).toBeLessThan(2);
    expect((await chat.texts()).slice(-2)).toEqual(["later 1000", "mine"]);
  });
});

/** Where a message stands, in pixels below the top of the conversation. */
function topOf({ page }: ChatPage, text: string): Promise<number> {
  return page
    .locator("#rows")
    .getByText(text, { exact: true })
    .evaluate((element) => {
      const scroller = document.querySelector("#scroller")!;
      return element.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
    });
}

/** Expects "m5", "m6", "m7" …: no hole, nothing twice, not too many. */
function expectRun(texts: readonly string[]): void {
  const first = Number(texts[0]!.slice(1));
  expect(texts).toEqual(texts.map((_, i) => `m${first + i}`));
  expect(texts.length).toBeLessThanOrEqual(maxRows);
}
