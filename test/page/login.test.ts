import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { fill } from "../support/fill.js";
import { describeInBrowser } from "./support/chat-page.js";
import { startPageServer } from "./support/page-server.js";

describeInBrowser("a login", (open) => {
  test("lasts as long as the tab: a reload continues where it was", async () => {
    const { url, log } = await startChatter();
    await fill(log, ["hello"]);
    const chat = await open(url);
    await chat.enter();
    await chat.shown("hello");
    await chat.page.reload();
    await chat.state("Live");
    await chat.shown("hello");
    expect(await chat.page.locator("#login").isVisible()).toBe(false);
    expect(await chat.page.locator("#who").textContent()).toBe("goa");
    await chat.post("after the reload");
    await chat.shown("after the reload");
    const other = await chat.page.context().newPage();
    await other.goto(url);
    await other.getByLabel("Password").waitFor();
  });

  test("keeps its token in the tab alone, its password nowhere, and neither in an address", async () => {
    const { url } = await startChatter();
    const chat = await open(url);
    const addresses: string[] = [];
    chat.page.on("request", (request) => addresses.push(request.url()));
    chat.page.on("websocket", (socket) => addresses.push(socket.url()));
    await chat.enter();
    await chat.post("hello");
    await chat.shown("hello");
    await chat.page.reload();
    await chat.state("Live");
    const kept = await chat.page.evaluate(() => ({
      local: localStorage.length,
      session: Object.values(sessionStorage).join(),
      cookie: document.cookie,
      password: (document.querySelector("#password") as HTMLInputElement).value,
      href: location.href,
    }));
    expect(kept).toMatchObject({ local: 0, cookie: "", password: "", href: `${url}/` });
    expect(kept.session).not.toContain("rocks");
    const { token } = JSON.parse(/\{"user".*?\}/.exec(kept.session)![0]);
    expect(token).toMatch(/^ey/);
    expect(addresses.filter((address) => address.includes(token))).toEqual([]);
  });

  test("that has ended leaves nothing in the tab", async () => {
    const { url } = await startChatter();
    const chat = await open(url);
    await chat.enter();
    await chat.page.getByRole("button", { name: "Log out" }).click();
    await chat.page.getByLabel("Password").waitFor();
    expect(await chat.page.evaluate(() => sessionStorage.length)).toBe(0);
    await chat.page.reload();
    await chat.page.getByLabel("Password").waitFor();
    expect(await chat.page.title()).toBe("Chatter");
  });

  test("is over after a reload when its token is: the page says so", async () => {
    const { url } = await startPageServer({ tokenSeconds: 4 });
    const chat = await open(url);
    await chat.enter();
    await chat.page.reload();
    const error = chat.page.getByRole("alert");
    await error.getByText("your login has expired: log in again").waitFor();
    expect(await chat.page.getByLabel("Name").inputValue()).toBe("goa");
    expect(await chat.page.evaluate(() => document.activeElement?.id)).toBe("password");
    await chat.enter();
  });
});
