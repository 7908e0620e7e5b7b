import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type * as library from "../../src/client/index.js";
import { startChatter } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";

declare const chatter: typeof library;

const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const isSkipped = !existsSync(executablePath) && process.env.CHATTER_TEST_REQUIRE_ALL === undefined;
if (isSkipped) {
  console.warn(`skipped: there is no Chromium at ${executablePath} (CHROMIUM_PATH)`);
}

describe.skipIf(isSkipped)("a page of another origin, in Chromium", () => {
  let browser: Browser;
  let script: string;

  beforeAll(async () => {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL("../../src/client/index.ts", import.meta.url))],
      bundle: true,
      platform: "browser",
      format: "iife",
      globalName: "chatter",
      target: "es2022",
      write: false,
    });
    script = outputFiles[0]!.text;
    const args = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"];
    browser = await chromium.launch({ executablePath, args });
  }, 60_000);

  afterAll(() => browser?.close());

  /** An empty page with the client library, and its origin. */
  async function openPage(): Promise<{ page: Page; origin: string }> {
    const pages = createServer((_request, response) => {
      response.setHeader("content-type", "text/html").end("<!doctype html><title>app</title>");
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void pages.close());
    await once(pages, "listening");
    const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
    const page = await browser.newPage();
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

  test("errors and the plain login can be read too", async () => {
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
