import { expect, test } from "vitest";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { createUsers, newUser } from "../../src/server/auth/users.js";
import { createChatter } from "../../src/server/chatter.js";
import { type ChatterServer, listen } from "../../src/server/http/server.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import type { MessageLog } from "../../src/server/log/message-log.js";
import { startChatter } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { describeInBrowser } from "./support/chat-page.js";

describeInBrowser("the page", (open) => {
  test("says when name and password do not match, and lets one try again", async () => {
    const { url } = await startChatter();
    const chat = await open(url);
    await chat.logIn("goa", "wrong");
    const error = chat.page.getByRole("alert");
    await error.getByText("invalid username and password combination").waitFor();
    expect(await chat.page.locator("#chat").isVisible()).toBe(false);
    await chat.enter();
    expect(await chat.page.locator("#login").isVisible()).toBe(false);
  });

  test("says that the server cannot be reached, and logs in when it can be", async () => {
    const { log, url, restart, stop } = await serverOfMyOwn();
    try {
      const chat = await open(url);
      await stop();
      await chat.logIn();
      await chat.page.getByText("The server cannot be reached.").waitFor();
      await restart();
      await chat.state("Live");
    } finally {
      await stop();
      await log.close();
    }
  });

  test("keeps neither password nor token where other pages could find them", async () => {
    const { url } = await startChatter();
    const chat = await open(url);
    await chat.enter();
    await chat.post("hello");
    await chat.shown("hello");
    expect(
      await chat.page.evaluate(() => [
        localStorage.length,
        sessionStorage.length,
        document.cookie,
        (document.querySelector("#password") as HTMLInputElement).value,
        location.href,
      ]),
    ).toEqual([0, 0, "", "", `${url}/`]);
  });

  test("logs out: the messages are gone, and another may log in", async () => {
    const { url, log, chatter } = await startChatter();
    await fill(log, ["for members alone"]);
    const chat = await open(url);
    await chat.enter();
    await chat.shown("for members alone");
    await chat.page.getByRole("button", { name: "Log out" }).click();
    await chat.page.getByLabel("Password").waitFor();
    expect(await chat.texts()).toEqual([]);
    await expect.poll(() => chatter.openCalls).toBe(0);
    await chat.enter();
    await chat.shown("for members alone");
  });

  test("two pages talk", async () => {
    const { url } = await startChatter();
    const one = await open(url);
    const two = await open(url);
    await Promise.all([one.enter(), two.enter()]);
    await one.page.getByText("There are no messages yet.").waitFor();
    for (const [i, from] of [one, two, one, two].entries()) {
      await from.post(`line ${i}\nof two lines`);
      await Promise.all([
        one.shown(`line ${i}\nof two lines`),
        two.shown(`line ${i}\nof two lines`),
      ]);
    }
    expect(await one.texts()).toEqual(await two.texts());
    expect(await one.page.locator("#rows .sender").first().textContent()).toBe("goa");
    expect(await one.page.locator("#outbox > *").count()).toBe(0);
  });

  test("survives a restart of the server, and loses nothing that was said meanwhile", async () => {
    const { log, url, restart, stop } = await serverOfMyOwn();
    try {
      await fill(log, ["before"]);
      const chat = await open(url);
      await chat.enter();
      await chat.shown("before");
      await stop();
      await chat.state("Waiting|Reconnecting");
      await chat.page.getByRole("status").getByText("The connection is lost.").waitFor();
      await chat.post("said in between");
      await chat.page.locator("#outbox").getByText("said in between").waitFor();
      await fill(log, ["stored in between"]);
      await restart();
      await chat.state("Live");
      await chat.page.getByRole("status").getByText("Live again.").waitFor();
      await chat.shown("said in between");
      expect(await chat.texts()).toEqual(["before", "stored in between", "said in between"]);
      await expect.poll(() => chat.page.locator("#outbox > *").count()).toBe(0);
    } finally {
      await stop();
      await log.close();
    }
  });

  test("a short break is seen, but not read out", async () => {
    const { log, url, restart, stop } = await serverOfMyOwn();
    try {
      const chat = await open(url);
      await chat.enter();
      await chat.state("Live");
      await chat.page.evaluate(() => {
        const record = (id: string) => {
          const seen: (string | null)[] = [];
          const place = document.getElementById(id)!;
          const take = () => seen.push(place.textContent);
          new MutationObserver(take).observe(place, { childList: true });
          return seen;
        };
        Object.assign(globalThis, { seen: record("state"), said: record("announcement") });
      });
      await stop();
      await restart();
      const recorded = (name: "seen" | "said") =>
        chat.page.evaluate(
          (name) => (globalThis as unknown as Record<string, string[]>)[name],
          name,
        );
      await expect.poll(() => recorded("seen")).toContain("Reconnecting …");
      await chat.state("Live");
      expect(await recorded("said")).toEqual([]);
    } finally {
      await stop();
      await log.close();
    }
  });

  test("begins anew when the log behind the server is another one", async () => {
    const { log, url, restart, stop } = await serverOfMyOwn();
    const other = createMemoryLog();
    try {
      await fill(log, ["old"]);
      await fill(other, ["new"]);
      const chat = await open(url);
      await chat.enter();
      await chat.shown("old");
      await stop();
      await restart(other);
      await chat.shown("new");
      expect(await chat.texts()).toEqual(["new"]);
      await chat.post("to the new one");
      await chat.shown("to the new one");
    } finally {
      await stop();
      await log.close();
      await other.close();
    }
  });

  test("takes what looks like HTML, script or a name of many kinds for text", async () => {
    const { url, log } = await startChatter();
    const sender = "<i>mallory</i>";
    const texts = [
      "<script>document.title = 'caught'</script>",
      "<img src=x onerror=\"document.title = 'caught'\">",
      "<style>* { display: none }</style>",
      "</p></div><!-- &lt;b&gt; &amp;",
      "javascript:document.title='caught'",
      "\u202Eright to left\u0000\u0007",
      "a\n  b\tc",
    ];
    const { error } = await log.append(texts.map((text) => ({ text, sender, messageId: "" })));
    expect(error).toBeUndefined();
    const chat = await open(url);
    await chat.enter();
    await chat.post(texts[0]!);
    await expect.poll(() => chat.texts()).toEqual([...texts, texts[0]]);
    const senders = await chat.page.locator("#rows .sender").allTextContents();
    expect(senders[0]).toBe(sender);
    expect(await chat.page.title()).toBe("Chatter");
    expect(await chat.page.locator("#rows :is(script, img, style, i)").count()).toBe(0);
  });

  test("the browser keeps to the policy: what is slipped in does not run", async () => {
    const { url } = await startChatter();
    const chat = await open(url);
    const outcome = await chat.page.evaluate(() => {
      const violated = new Promise((resolve) => {
        const onViolation = (event: SecurityPolicyViolationEvent) =>
          resolve(event.effectiveDirective);
        document.addEventListener("securitypolicyviolation", onViolation, { once: true });
      });
      try {
        document.body.innerHTML = "<b>x</b>";
        return "taken";
      } catch {
        return violated;
      }
    });
    expect(outcome).toBe("require-trusted-types-for");
    chat.faults.splice(0); // That was meant.
  });

  test("can be used without a mouse", async () => {
    const { url, log } = await startChatter();
    await fill(log, numbered(30));
    const chat = await open(url);
    const { page } = chat;
    const focused = () => page.evaluate(() => document.activeElement?.id);
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
    expect(await focused()).toBe("scroller");
    await keyboard.press("Home");
    await page.getByText("This is the beginning.").waitFor();
    await expect.poll(() => page.locator("#scroller").evaluate((s) => s.scrollTop)).toBe(0);
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
    const snapshot = await chat.page.locator("body").ariaSnapshot();
    expect(snapshot.replace(/\d\d:\d\d/g, "12:34").split("\n")).toEqual([
      "- banner:",
      '  - heading "Chatter" [level=1]',
      "  - paragraph: Live",
      "  - paragraph: goa",
      '  - button "Log out"',
      "- status: Live.",
      "- main:",
      '  - region "Conversation":',
      "    - paragraph: This is the beginning.",
      '    - log "Messages":',
      "      - paragraph:",
      "        - text: goa",
      "        - time: 12:34",
      "      - paragraph: old",
      "      - paragraph:",
      "        - text: goa",
      "        - time: 12:34",
      "      - paragraph: new",
      "- text: Message",
      '- textbox "Message":',
      "  - /placeholder: Write a message",
      '- button "Send"',
      "- paragraph: Enter sends, Shift and Enter begins a new line.",
    ]);
  });

  test("a post that is refused is shown with the reason, and can be written anew", async () => {
    const { url, log } = await startChatter();
    await fill(log, numbered(60));
    const chat = await open(url);
    await chat.enter();
    await chat.shown("m60");
    await chat.post("x".repeat(65_537));
    await chat.page.getByRole("alert").getByText("it must have 1 to 65,536 bytes").waitFor();
    await expect.poll(() => chat.fromEnd()).toBeLessThan(2);
    await chat.page.getByRole("button", { name: "Edit" }).click();
    const box = chat.page.getByLabel("Message", { exact: true });
    expect((await box.inputValue()).length).toBe(65_537);
    await chat.post("shorter");
    await chat.shown("shorter");
    expect(await chat.page.locator("#outbox > *").count()).toBe(0);
  });

  test("who may read alone reads, and is told so on posting", async () => {
    const { url, log, stop } = await serverOfMyOwn();
    try {
      await fill(log, ["to be read"]);
      const chat = await open(url);
      await chat.enter("reader", "reads");
      await chat.shown("to be read");
      await chat.post("let me in");
      await chat.page.getByRole("alert").getByText("invalid scopes in token").waitFor();
      await chat.state("Live");
    } finally {
      await stop();
      await log.close();
    }
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

/** A server that can be stopped and started again, with a user who may only read. */
async function serverOfMyOwn() {
  const log = createMemoryLog();
  const auth = createAuth({
    users: createUsers([
      await newUser({ name: "goa", password: "rocks", scopes: ["stream:read", "stream:write"] }),
      await newUser({ name: "reader", password: "reads", scopes: ["stream:read"] }),
    ]),
    tokens: createTokens({ key: await parseSigningKey("k".repeat(32), "test") }),
  });
  let server: ChatterServer | undefined = await listen(createChatter({ log, auth }), { port: 0 });
  const { url } = server;
  return {
    url,
    log,
    async stop() {
      await server?.close(0);
      server = undefined;
    },
    async restart(other: MessageLog = log) {
      const port = Number(new URL(url).port);
      server = await listen(createChatter({ log: other, auth }), { port });
    },
  };
}
