import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { numbered } from "../support/fill.js";
import { type ChatPage, describeInBrowser } from "./support/chat-page.js";
import { say, startPageServer } from "./support/page-server.js";

/** The rooms in the list, each with its count. */
async function roomsOf({ page }: ChatPage): Promise<string[]> {
  const names = await page.locator("#rooms a").allTextContents();
  return names.map((name) => name.trim());
}

async function openRoom({ page }: ChatPage, room: string): Promise<void> {
  await page.locator(`#rooms a[href="#${room}"]`).click();
  await page.getByRole("heading", { name: room, exact: true }).waitFor();
}

describeInBrowser("rooms on the page", (open) => {
  test("two users in two rooms: each reads and posts where it may, and sees what is unread", async () => {
    const { url, log } = await startPageServer({
      users: {
        ann: ["stream:write"],
        bob: ["stream:read:team/*", "stream:write:team/beta"],
      },
    });
    await say(log, "main", ["for all but bob"]);
    await say(log, "team/alpha", ["plans"]);
    await say(log, "secret", ["for ann"]);
    const [ann, bob] = [await open(url), await open(url)];
    await Promise.all([ann.enter("ann", "ann-pw"), bob.enter("bob", "bob-pw")]);
    await ann.shown("for all but bob");
    expect(await roomsOf(ann)).toEqual(["main", "secret", "team/alpha"]);

    // Bob cannot read main: he begins where he can write, though nothing is there yet.
    await bob.page.getByRole("heading", { name: "team/beta" }).waitFor();
    expect(await roomsOf(bob)).toEqual(["team/alpha", "team/beta"]);
    expect(await bob.page.evaluate(() => location.hash)).toBe("#team/beta");
    await bob.post("hello beta");
    await bob.shown("hello beta");
    await expect
      .poll(() => roomsOf(ann))
      .toEqual([...["main", "secret", "team/alpha", "team/beta 1 unread"]]);
    expect(await ann.page.title()).toBe("(1) main – Chatter");

    await openRoom(ann, "team/beta");
    await ann.shown("hello beta");
    await expect.poll(() => roomsOf(ann)).toContain("team/beta");
    expect(await ann.page.title()).toBe("team/beta – Chatter");
    await ann.post("hello bob");
    await bob.shown("hello bob");

    await openRoom(bob, "team/alpha");
    await bob.shown("plans");
    expect(await bob.page.getByLabel("Message", { exact: true }).isVisible()).toBe(false);
    await bob.page.getByText("You can read this room, but not post to it.").waitFor();
    await ann.post("are you there?");
    await expect.poll(() => roomsOf(bob)).toContain("team/beta 1 unread");
    expect(await bob.texts()).toEqual(["plans"]);

    // A room that bob may not read: the address does not help.
    await bob.page.goto(`${url}/#secret`);
    await bob.page.getByText("invalid scopes in token for secret").waitFor();
    expect(await bob.page.getByText("You can read this room").isVisible()).toBe(false);
    expect(await bob.texts()).toEqual([]);
    await openRoom(bob, "team/beta");
    await bob.shown("are you there?");
  }, 90_000);

  test("the open room is in the address: by a link, on going back, after a reload", async () => {
    const { url, log } = await startChatter();
    await say(log, "main", ["in main"]);
    await say(log, "team/alpha", ["in alpha"]);
    const chat = await open(`${url}/#team/alpha`);
    await chat.enter();
    await chat.shown("in alpha");
    await openRoom(chat, "main");
    await chat.shown("in main");
    expect(await chat.page.evaluate(() => location.hash)).toBe("#main");
    await chat.page.goBack();
    await chat.shown("in alpha");
    await chat.page.reload();
    await chat.state("Live");
    await chat.shown("in alpha");
    expect(await chat.texts()).toEqual(["in alpha"]);
  });

  test("unread counts continue over a reload, with what came meanwhile", async () => {
    const { url, log } = await startChatter();
    await say(log, "main", ["in main"]);
    await say(log, "team/alpha", numbered(5));
    const chat = await open(url);
    await chat.enter();
    await chat.shown("in main");
    expect(await roomsOf(chat)).toEqual(["main", "team/alpha"]);
    await say(log, "team/alpha", ["a1", "a2"]);
    await say(log, "ops", ["o1"]);
    await expect.poll(() => roomsOf(chat)).toEqual(["main", "ops 1 unread", "team/alpha 2 unread"]);
    await chat.page.goto("about:blank");
    await say(log, "team/alpha", ["a3"]);
    await say(log, "later", ["l1", "l2"]);
    await chat.page.goBack();
    await chat.state("Live");
    await expect
      .poll(() => roomsOf(chat))
      .toEqual([...["main", "later 2 unread", "ops 1 unread", "team/alpha 3 unread"]]);
    expect(await chat.page.title()).toBe("(6) main – Chatter");
    await openRoom(chat, "team/alpha");
    await chat.shown("a3");
    await chat.page.reload();
    await chat.shown("a3");
    await expect
      .poll(() => roomsOf(chat))
      .toEqual([...["main", "later 2 unread", "ops 1 unread", "team/alpha"]]);
  }, 90_000);

  test("what one has posted oneself is not unread; what comes while nobody looks is", async () => {
    const { url, log } = await startChatter();
    const chat = await open(url);
    await chat.enter();
    await say(log, "ops", ["mine, from elsewhere"], "goa");
    await expect.poll(() => roomsOf(chat)).toEqual(["main", "ops"]);
    await setHidden(chat, true);
    await say(log, "main", ["unseen", "unseen too"]);
    await expect.poll(() => chat.page.title()).toBe("(2) main – Chatter");
    await setHidden(chat, false);
    await expect.poll(() => chat.page.title()).toBe("main – Chatter");
  });

  test("a message has an address, which leads to it, also when much came after it", async () => {
    const { url, log } = await startChatter();
    await say(log, "team/alpha", numbered(700));
    await say(log, "main", ["between"]);
    await say(log, "team/alpha", ["newest"]);
    const chat = await open(`${url}/#team/alpha@120`);
    await chat.enter();
    const shown = chat.page.locator(".row.shown");
    await shown.getByText("m120", { exact: true }).waitFor();
    expect(await inSight(chat, "m120")).toBe(true);
    expect(await chat.page.evaluate(() => document.activeElement?.getAttribute("href"))).toBe(
      "#team/alpha@120",
    );
    await chat.scrollTo("end");
    await expect.poll(async () => (await chat.texts()).length).toBeGreaterThan(100);
    const texts = await chat.texts();
    const first = Number(texts[0]!.slice(1));
    expect(texts).toEqual(texts.map((_, i) => `m${first + i}`));
    await chat.page.getByRole("button", { name: "Latest" }).click();
    await chat.shown("newest");
    await chat.post("at the end");
    await chat.shown("at the end");

    // From within the page, to what is in the document already and to what is not.
    const link = chat.page.locator('#rows a[href="#team/alpha@702"]');
    expect(await link.getAttribute("title")).toMatch(/\w+,? \d+ \w+ \d{4}.* \d\d:\d\d:\d\d/);
    await link.click();
    await shown.getByText("newest", { exact: true }).waitFor();
    await chat.page.evaluate(() => {
      location.hash = "#team/alpha@5";
    });
    await shown.getByText("m5", { exact: true }).waitFor();
    await chat.page.getByText("This is the beginning.").waitFor();
    // One that is of another room, or gone: the message before it.
    await chat.page.evaluate(() => {
      location.hash = "#team/alpha@701";
    });
    await shown.getByText("m700", { exact: true }).waitFor();
  }, 90_000);

  test("what is written, and what could not be sent, stays with its room", async () => {
    const { url, log } = await startChatter();
    await say(log, "team/alpha", ["in alpha"]);
    const chat = await open(url);
    await chat.enter();
    const box = chat.page.getByLabel("Message", { exact: true });
    await chat.post("x".repeat(65_537));
    await chat.page.getByRole("alert").getByText("65,536 bytes").waitFor();
    await box.fill("half a thought");
    await openRoom(chat, "team/alpha");
    expect(await box.inputValue()).toBe("");
    expect(await chat.page.getByRole("button", { name: "Edit" }).isVisible()).toBe(false);
    await chat.post("to alpha");
    await chat.shown("to alpha");
    await openRoom(chat, "main");
    expect(await box.inputValue()).toBe("half a thought");
    expect(await chat.page.getByRole("button", { name: "Edit" }).isVisible()).toBe(true);
    expect(await chat.texts()).toEqual([]);
  });

  test("what comes while a room opens is there once, without a hole", async () => {
    const { url, log } = await startChatter();
    await say(log, "flood", numbered(50));
    await say(log, "main", ["quiet"]);
    const chat = await open(url);
    await chat.enter();
    let stored = 50;
    const flooding = (async () => {
      while (stored < 600) {
        await say(log, "flood", [`m${++stored}`]);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    for (const room of ["flood", "main", "flood", "main", "flood"]) {
      await openRoom(chat, room);
      await chat.page
        .locator("#rows .text", { hasText: room === "main" ? "quiet" : /^m\d+$/ })
        .first()
        .waitFor();
      await chat.page.getByRole("button", { name: "Latest" }).waitFor({ state: "hidden" });
    }
    await flooding;
    await chat.shown("m600");
    const texts = await chat.texts();
    const first = Number(texts[0]!.slice(1));
    expect(texts).toEqual(texts.map((_, i) => `m${first + i}`));
  }, 90_000);

  test("a name that no room can have is said to be invalid, in the address and where it is typed", async () => {
    const { url } = await startChatter();
    const chat = await open(`${url}/#team//<b>`);
    await chat.enter();
    await chat.page.getByText("This is not a valid name: a room has 1 to 128").waitFor();
    expect(await chat.page.getByText("You can read this room").isVisible()).toBe(false);
    expect(await chat.page.getByLabel("Message", { exact: true }).isVisible()).toBe(false);
    const finder = chat.page.getByLabel("Find or open a room");
    await finder.fill("a b");
    await finder.press("Enter");
    await chat.page.locator("#room-note.error").waitFor();
    expect(await finder.getAttribute("aria-invalid")).toBe("true");
    await finder.fill("ab");
    await finder.press("Enter");
    await chat.page.getByText("There are no messages yet.").waitFor();
    await chat.post("the first");
    await chat.shown("the first");
    expect(await roomsOf(chat)).toEqual(["main", "ab", "team//<b>"]);
  });

  test("many rooms are cut at 1,000, and others open by name", async () => {
    const { url, log } = await startChatter();
    for (let i = 0; i < 1_100; i++) {
      await say(log, `room-${i + 1000}`, ["hello"]);
    }
    const chat = await open(url);
    await chat.enter();
    await chat.page.getByText("Only 1,000 rooms are listed.").waitFor();
    expect((await roomsOf(chat)).length).toBeLessThanOrEqual(1_001);
    const finder = chat.page.getByLabel("Find or open a room");
    await finder.fill("room-2099");
    await finder.press("Enter");
    await chat.shown("hello");
  });
});

/** As the browser does when the tab goes to the background, and comes back. */
async function setHidden({ page }: ChatPage, isHidden: boolean): Promise<void> {
  await page.evaluate((isHidden) => {
    Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, isHidden);
}

function inSight({ page }: ChatPage, text: string): Promise<boolean> {
  return page
    .locator("#rows")
    .getByText(text, { exact: true })
    .evaluate((element) => {
      const { top, bottom } = element.getBoundingClientRect();
      const scroller = document.querySelector("#scroller")!.getBoundingClientRect();
      return top >= scroller.top && bottom <= scroller.bottom;
    });
}
