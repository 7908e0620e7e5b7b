import { expect, onTestFinished, test } from "vitest";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { startChatter } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { describeInBrowser } from "./support/chat-page.js";
import { startPageServer } from "./support/page-server.js";

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
    const { url, restart, stop } = await startPageServer();
    const chat = await open(url);
    await stop();
    await chat.logIn();
    await chat.page.getByText("The server cannot be reached.").waitFor();
    await restart();
    await chat.state("Live");
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

  test("what would not show, or turns the text, shows as an escape", async () => {
    const { url, log } = await startChatter();
    await fill(log, ["a\u202egnp.exe\u200b \u2028b\nsecond line\u{e0041} \u0007"]);
    const chat = await open(url);
    await chat.enter();
    await chat.shown("a\\u202egnp.exe\\u200b \\u2028b\nsecond line\\udb40\\udc41 \\u0007");
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
    const { log, url, restart, stop } = await startPageServer();
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
  });

  test("a short break is seen, but not read out", async () => {
    const { url, restart, stop } = await startPageServer();
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
      chat.page.evaluate((name) => (globalThis as unknown as Record<string, string[]>)[name], name);
    await expect.poll(() => recorded("seen")).toContain("Reconnecting …");
    await chat.state("Live");
    expect(await recorded("said")).toEqual([]);
  });

  test("begins anew when the log behind the server is another one", async () => {
    const { log, url, restart, stop } = await startPageServer();
    const other = createMemoryLog();
    onTestFinished(() => other.close());
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
    const shown = texts.map((text) =>
      text.replace("\u202E", "\\u202e").replace("\u0000\u0007", "\\u0000\\u0007"),
    );
    await expect.poll(() => chat.texts()).toEqual([...shown, texts[0]]);
    const senders = await chat.page.locator("#rows .sender").allTextContents();
    expect(senders[0]).toBe(sender);
    expect(await chat.page.title()).toBe("main – Chatter");
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
});
