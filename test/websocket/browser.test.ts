import { Code, ConnectError } from "@connectrpc/connect";
import type { Page as BrowserPage } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { bundleForPage, describeInChromium } from "../support/chromium.js";
import type { Page } from "../support/websocket-page.js";
import { aborted, echo, startTunnel, until } from "../support/websocket-service.js";

declare const page: Page;

describeInChromium("a generated client in Chromium", (browser) => {
  let bundle: string;

  beforeAll(async () => {
    bundle = await bundleForPage(new URL("../support/websocket-page.ts", import.meta.url));
  }, 60_000);

  async function open(url: string): Promise<BrowserPage> {
    const opened = await browser().newPage();
    await opened.goto(url);
    await opened.addScriptTag({ content: bundle });
    return opened;
  }

  test.each([true, false])("does all four kinds of call (binary: %s)", async (binary) => {
    const { url } = await startTunnel({
      login: ({ user }, { requestHeader }) => ({
        token: `${user} ${requestHeader.get("authorization")}`,
      }),
      async listener(requests) {
        let stored = 0n;
        for await (const { message } of requests) {
          if (message === "fail") {
            throw new ConnectError("no é", Code.AlreadyExists, { "x-meta": "data" });
          }
          stored++;
        }
        return { stored };
      },
      async *history({ limit }) {
        for (let i = 1n; i <= limit; i++) {
          yield { message: `é ${i}` };
        }
      },
      echoer: echo,
    });
    const opened = await open(url);
    expect(await opened.evaluate((b) => page.login(b, "goa"), binary)).toBe(
      "goa Bearer of the page",
    );
    expect(await opened.evaluate((b) => page.listener(b, ["a", "b", "c"]), binary)).toBe(3);
    expect(await opened.evaluate((b) => page.history(b, 3), binary)).toEqual(["é 1", "é 2", "é 3"]);
    expect(await opened.evaluate((b) => page.pingPong(b, ["a", "b"]), binary)).toEqual([
      "> a",
      "< a",
      "> b",
      "< b",
    ]);
    expect(await opened.evaluate((b) => page.failure(b), binary)).toBe("AlreadyExists no é data");
  });

  test("reads slowly: the producer stops, and all of it comes when it reads again", async () => {
    const total = 600;
    let produced = 0;
    const { url } = await startTunnel({
      async *history() {
        for (; produced < total; produced++) {
          yield { message: "x".repeat(60_000) };
        }
      },
    });
    const opened = await open(url);
    await opened.evaluate(() => page.startSlow());
    let last = -1;
    while (produced !== last) {
      last = produced;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    // Of 36 MB the window of 1 MiB, and a few messages in pipelines.
    expect(produced * 60_000).toBeLessThan(4 * 1024 * 1024);
    expect(await opened.evaluate(() => page.readSlow())).toBe(total);
  });

  test("echoes far more than all windows, both ways at once", async () => {
    const { url } = await startTunnel({ echoer: echo });
    const opened = await open(url);
    expect(await opened.evaluate(() => page.echo(400, 30_000))).toBe(400 * 30_000);
  });

  test("aborts: the handler's signal is aborted, also when the tab is closed", async () => {
    let heard = 0;
    const { url, bridge } = await startTunnel({
      async *subscribe(_, { signal }) {
        yield {};
        await aborted(signal);
        heard++;
      },
    });
    const opened = await open(url);
    expect(await opened.evaluate(() => page.subscribe(true))).toBe("Canceled");
    await until(() => heard === 1 && bridge.openCalls === 0);
    opened.evaluate(() => page.subscribe(false)).catch(() => {});
    await until(() => bridge.openCalls === 1);
    await opened.close();
    await until(() => heard === 2 && bridge.openCalls === 0);
  });

  test("may not call from a foreign page, and may from one that is listed", async () => {
    const { url: origin } = await startTunnel({ login: () => ({}) });
    const { url: foreign } = await startTunnel({ login: () => ({}) });
    const { url: listing } = await startTunnel({ login: () => ({}) }, { origins: [origin] });
    const opened = await open(origin);
    const call = (url: string) => opened.evaluate((to) => page.unreachable(to), url);
    expect(await call(foreign)).toBe("Unavailable");
    expect(await call(listing)).toBe("ok");
  });
});
