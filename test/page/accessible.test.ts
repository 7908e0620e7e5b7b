import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { describeInBrowser } from "./support/chat-page.js";
import { say } from "./support/page-server.js";

describeInBrowser("the page, by keyboard, for screen readers and on a phone", (open) => {
  test("can be used without a mouse", async () => {
    const { url, log } = await startChatter();
    await fill(log, numbered(30));
    const chat = await open(url);
    const { page } = chat;
    const focused = () => page.evaluate(() => document.activeElement?.id);
    const focusedText = () => page.evaluate(() => document.activeElement?.textContent);
    const { keyboard } = page;
    await keyboard.type("goa");
    await keyboard.press("Tab");
    await keyboard.type("rocks");
    await keyboard.press("Enter");
    await chat.shown("m30");
    expect(await focused()).toBe("text");
    await keyboard.type("one");
    await keyboard.press("Shift+Enter");
    await keyboard.type("two");
    await keyboard.press("Enter");
    await chat.shown("one\ntwo");
    await keyboard.press("Shift+Tab");
    expect(await focusedText()).toMatch(/^\d\d:\d\d$/); // The newest message's address.
    await keyboard.press("Shift+Tab");
    expect(await focused()).toBe("scroller");
    await keyboard.press("Home");
    await page.getByText("This is the beginning.").waitFor();
    await expect.poll(() => page.locator("#scroller").evaluate((s) => s.scrollTop)).toBe(0);
    await keyboard.press("Tab");
    await keyboard.press("Tab");
    expect(await focused()).toBe("latest");
    await keyboard.press("Enter");
    await expect.poll(() => chat.fromEnd()).toBeLessThan(2);
    expect(await focused()).toBe("scroller");
    await keyboard.press("Shift+Tab");
    expect(await focused()).toBe("logout");
    await keyboard.press("Enter");
    await page.getByLabel("Name").waitFor();
    expect(await focused()).toBe("user");
  });

  test("has names and roles for screen readers, and reads out what is new, not floods", async () => {
    const { url, log } = await startChatter();
    await fill(log, ["old"]);
    const chat = await open(url);
    await chat.enter();
    await chat.shown("old");
    const messages = chat.page.getByRole("log", { name: "Messages" });
    expect(await messages.getAttribute("aria-live")).toBe("off");
    await fill(log, ["new"]);
    await chat.shown("new");
    expect(await messages.getAttribute("aria-live")).toBe("polite");
    await say(log, "ops", ["elsewhere"]);
    await chat.page.getByRole("link", { name: "ops 1 unread" }).waitFor();
    const snapshot = await chat.page.locator("body").ariaSnapshot();
    expect(
      snapshot
        .replace(/\d\d:\d\d/g, "12:34")
        .replace(/\w+, \d+ \w+ \d{4}/, "DAY")
        .split("\n"),
    ).toEqual([
      "- banner:",
      '  - heading "Chatter" [level=1]',
      '- navigation "Rooms":',
      "  - text: Find or open a room",
      '  - searchbox "Find or open a room"',
      "  - status",
      "  - list:",
      "    - listitem:",
      '      - link "main":',
      '        - /url: "#main"',
      "    - listitem:",
      '      - link "ops 1 unread":',
      '        - /url: "#ops"',
      "- paragraph: goa",
      '- button "Log out"',
      "- main:",
      '  - heading "main" [level=2]',
      "  - paragraph: Live",
      "  - status: Live.",
      '  - region "Conversation":',
      "    - paragraph: This is the beginning.",
      '    - log "Messages":',
      "      - paragraph: DAY",
      "      - paragraph:",
      "        - text: goa",
      '        - link "12:34":',
      '          - /url: "#main@1"',
      "          - time: 12:34",
      "      - paragraph: old",
      "      - paragraph:",
      "        - text: goa",
      '        - link "12:34":',
      '          - /url: "#main@2"',
      "          - time: 12:34",
      "      - paragraph: new",
      "  - text: Message",
      '  - textbox "Message":',
      "    - /placeholder: Write to main",
      '  - button "Send"',
      "  - paragraph: Enter sends, Shift and Enter begins a new line.",
    ]);
  });

  test("rooms are reached by the arrow keys, found by typing, opened by Enter", async () => {
    const { url, log } = await startChatter();
    for (const room of ["main", "ops", "team/alpha", "team/beta"]) {
      await say(log, room, [`first of ${room}`]);
    }
    const chat = await open(url);
    await chat.enter();
    await chat.shown("first of main");
    const { page } = chat;
    const { keyboard } = page;
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("href"));
    await page.locator("#scroller").focus();
    await keyboard.press("Shift+Tab");
    await keyboard.press("Shift+Tab");
    expect(await focused()).toBe("#main"); // Of all rooms, Tab reaches the open one alone.
    await keyboard.press("ArrowDown");
    await keyboard.press("ArrowDown");
    expect(await focused()).toBe("#team/alpha");
    await keyboard.press("End");
    expect(await focused()).toBe("#team/beta");
    await keyboard.press("ArrowDown");
    expect(await focused()).toBe("#team/beta");
    await keyboard.press("Enter");
    await chat.shown("first of team/beta");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("text");

    await page.locator("a.room[aria-current=page]").focus();
    await keyboard.press("Home");
    await keyboard.press("ArrowUp");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("room-name");
    await keyboard.type("ALPHA");
    await expect.poll(() => page.locator("#rooms li:visible").allTextContents()).toHaveLength(1);
    await keyboard.press("ArrowDown");
    expect(await focused()).toBe("#team/alpha");
    await keyboard.press("Enter");
    await chat.shown("first of team/alpha");
    await page.getByLabel("Find or open a room").focus();
    await keyboard.press("Escape");
    expect(await page.locator("#rooms li:visible").count()).toBe(4);
    await keyboard.type("team/new");
    await page.getByRole("status").getByText("Press Enter to open team/new.").waitFor();
    await keyboard.press("Enter");
    await page.getByRole("heading", { name: "team/new" }).waitFor();
    await keyboard.type("hello");
    await keyboard.press("Enter");
    await chat.shown("hello");
    expect(await page.evaluate(() => location.hash)).toBe("#team/new");
  });

  test("the addresses of messages are reached by the arrow keys", async () => {
    const { url, log } = await startChatter();
    await fill(log, numbered(3));
    const chat = await open(url);
    await chat.enter();
    await chat.shown("m3");
    const { keyboard } = chat.page;
    const focused = () => chat.page.evaluate(() => document.activeElement?.getAttribute("href"));
    await keyboard.press("Shift+Tab");
    expect(await focused()).toBe("#main@3");
    await keyboard.press("ArrowUp");
    await keyboard.press("ArrowUp");
    await keyboard.press("ArrowUp");
    expect(await focused()).toBe("#main@1");
    await keyboard.press("Enter");
    await chat.page.locator(".row.shown").getByText("m1").waitFor();
    await keyboard.press("End");
    expect(await focused()).toBe("#main@3");
  });

  test("on a phone, the rooms lie over the conversation when they are asked for", async () => {
    const { url, log } = await startChatter();
    await say(log, "team/alpha", ["in alpha"]);
    const viewport = { width: 360, height: 640 };
    const chat = await open(url, { viewport, hasTouch: true, isMobile: true });
    await chat.enter();
    const { page } = chat;
    const rooms = page.getByRole("button", { name: "Rooms" });
    const room = page.getByRole("link", { name: "team/alpha" });
    expect(await room.isVisible()).toBe(false);
    await say(log, "team/alpha", ["another"]);
    await page.getByRole("button", { name: "Rooms, 1 unread" }).tap();
    await room.waitFor();
    expect(await rooms.getAttribute("aria-expanded")).toBe("true");
    expect(
      await page.locator("#conversation").evaluate((main) => (main as HTMLElement).inert),
    ).toBe(true);
    for (const target of await page.locator("#sidebar :is(a, button, input):visible").all()) {
      expect((await target.boundingBox())!.height).toBeGreaterThanOrEqual(44);
    }
    await page.keyboard.press("Escape");
    await expect.poll(() => room.isVisible()).toBe(false);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("show-rooms");
    await rooms.tap();
    await room.tap();
    await chat.shown("in alpha");
    await expect.poll(() => room.isVisible()).toBe(false);
    // The keyboard of the phone stays away: there is something to read.
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("scroller");
    await rooms.tap();
    await room.tap(); // The one that is open.
    await expect.poll(() => room.isVisible()).toBe(false);
    await rooms.tap();
    await page.touchscreen.tap(350, 300); // Beside the list: it goes, and nothing else happens.
    await expect.poll(() => room.isVisible()).toBe(false);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(viewport.width);
  });

  test.each([
    ["light", "rgb(247, 247, 244)", "rgb(34, 38, 42)"],
    ["dark", "rgb(23, 25, 28)", "rgb(228, 230, 231)"],
  ] as const)("is %s where that is wished, and fits a phone", async (colorScheme, ground, text) => {
    const { url, log } = await startChatter();
    await fill(log, [...numbered(60), "W".repeat(300)]);
    const viewport = { width: 360, height: 640 };
    const chat = await open(url, { colorScheme, viewport, hasTouch: true, isMobile: true });
    await chat.enter();
    await chat.shown("W".repeat(300));
    const { page } = chat;
    expect(
      await page.evaluate(() => {
        const { backgroundColor, color } = getComputedStyle(document.body);
        return [backgroundColor, color, document.documentElement.scrollWidth];
      }),
    ).toEqual([ground, text, viewport.width]);
    for (const box of await page.locator("button:visible, textarea").all()) {
      const { x, y, width, height } = (await box.boundingBox())!;
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
      expect(x + width).toBeLessThanOrEqual(viewport.width);
      expect(y + height).toBeLessThanOrEqual(viewport.height);
      expect(height).toBeGreaterThanOrEqual(44); // for a thumb
      expect(
        await box.evaluate((element) => Number.parseFloat(getComputedStyle(element).fontSize)),
      ).toBeGreaterThanOrEqual(16); // or phones zoom in
    }
    // The keyboard of the phone comes up: the last message stays in sight.
    await page.setViewportSize({ width: 360, height: 380 });
    await expect.poll(() => chat.fromEnd()).toBeLessThan(2);
    await page.locator(".text").last().waitFor();
  });
});
