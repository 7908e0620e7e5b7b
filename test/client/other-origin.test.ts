import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import type * as library from "../../src/client/index.js";
import { startChatter } from "../support/chatter-server.js";
import { bundleForPage, describeInChromium } from "../support/chromium.js";
import { fill, numbered } from "../support/fill.js";

declare const chatter: typeof library;

describeInChromium("a page of another origin, in Chromium", (browser) => {
  let script: string;

  beforeAll(async () => {
    const library = new URL("../../src/client/index.ts", import.meta.url);
    script = await bundleForPage(library, { globalName: "chatter" });
  }, 60_000);

  /** An empty page with the client library, and its origin. */
  async function openPage(): Promise<{ page: Page; origin: string }> {
    const pages = createServer((_request, response) => {
      response.setHeader("content-type", "text/html").end("<!doctype html><title>app</title>");
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void pages.close());
    await once(pages, "listening");
    const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
    const page = await browser().newPage();
    onTestFinished(() => page.close());
    await page.goto(origin);
    await page.addScriptTag({ content: script });
    return { page, origin };
  }

  /** Logs in and reads, in the page: the texts, or the error's. */
  function read(page: Page, url: string, transport: "connect" | "grpc-web" | "ws", ms: number) {
    return page.evaluate(
      async ([url, transport, ms]) => {
        const auth = { user: "goa", password: "rocks" };
        const client = chatter.createChatterClient({ url, auth, transport });
        const texts: string[] = [];
        try {
          for await (const { message } of client.history({ signal: AbortSignal.timeout(ms) })) {
            texts.push(message);
          }
        } catch (error) {
          texts.push(String(error));
        }
        client.close();
        return texts;
      },
      [url, transport, ms] as const,
    );
  }

  test.each(["connect", "grpc-web", "ws"] as const)(
    "%s: one in --allowed-origins reads, and no other",
    async (transport) => {
      const { page, origin } = await openPage();
      const server = await startChatter({ allowedOrigins: [origin] });
      await fill(server.log, numbered(3));
      expect(await read(page, server.url, transport, 20_000)).toEqual(numbered(3));

      const closed = await startChatter({ allowedOrigins: ["https://app.example"] });
      await fill(closed.log, numbered(3));
      // Its client tries again and again: as far as it can see, the server is not there.
      const [error, ...rest] = await read(page, closed.url, transport, 1_000);
      expect(error).toMatch(/Error: /);
      expect(rest).toEqual([]);
    },
  );

  test.each(["connect", "grpc-web"] as const)(
    "%s: an answer that fetch has decompressed is read, on a page of the server's own origin too",
    async (transport) => {
      const { page, origin } = await openPage();
      const token = "x".repeat(5_000);
      const login = async () => ({ token, expiresAt: Date.now() + 1e6 });
      const verify = () => Promise.reject(new Error("nobody calls"));
      const { chatter: server, url } = await startChatter({
        auth: { login, verify },
        allowedOrigins: [origin],
      });
      const both = createServer((request, response) =>
        request.url === "/empty"
          ? response.setHeader("content-type", "text/html").end("<!doctype html><title>own</title>")
          : server.requestListener(request, response),
      ).listen(0, "127.0.0.1");
      onTestFinished(() => void both.close());
      await once(both, "listening");
      const own = `http://127.0.0.1:${(both.address() as AddressInfo).port}`;
      const askForToken = (url: string) =>
        page.evaluate(
          async ([url, transport]) => {
            const auth = { token: "none" };
            const { client } = chatter.createChatterClient({ url, auth, transport });
            return client.login({ user: "goa", password: "rocks" }).then(
              ({ token }) => token,
              (error) => String(error),
            );
          },
          [url, transport] as const,
        );
      expect(await askForToken(url)).toBe(token);
      await page.goto(`${own}/empty`);
      await page.addScriptTag({ content: script });
      expect(await askForToken(own)).toBe(token);
    },
  );

  test("errors and goa's login can be read too", async () => {
    const { page, origin } = await openPage();
    const server = await startChatter({ allowedOrigins: [origin] });
    const answers = await page.evaluate(async (url) => {
      const login = (password: string) =>
        fetch(`${url}/login`, {
          method: "POST",
          headers: { authorization: `Basic ${btoa(`goa:${password}`)}` },
        });
      const auth = { user: "goa", password: "wrong" };
      const client = chatter.createChatterClient({ url, auth, transport: "connect" });
      const reading = (async () => {
        for await (const _ of client.history()) {
          // Nothing comes.
        }
        return "nothing";
      })();
      return [
        (await login("rocks")).status,
        (await login("wrong")).status,
        await reading.catch(String),
      ];
    }, server.url);
    expect(answers).toEqual([
      200,
      401,
      expect.stringContaining("invalid username and password combination"),
    ]);
  });
});
