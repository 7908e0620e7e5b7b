import { expect, onTestFinished, test } from "vitest";
import { createAuthority } from "../support/certificates.js";
import { startChatter } from "../support/chatter-server.js";
import { bundleForPage, describeInChromium } from "../support/chromium.js";
import type { ManyCallsPage } from "../support/many-calls-page.js";

declare const page: ManyCallsPage;

describeInChromium("a page in Chromium over TLS", (browser) => {
  test("has 200 calls at once on one session", { timeout: 60_000 }, async () => {
    const script = await bundleForPage(new URL("../support/many-calls-page.ts", import.meta.url));
    const server = await startChatter({}, { tls: createAuthority().issue() });
    const context = await browser().newContext({ ignoreHTTPSErrors: true, bypassCSP: true });
    onTestFinished(() => context.close());
    const opened = await context.newPage();
    await opened.goto(server.url);
    await opened.addScriptTag({ content: script });
    const texts = await opened.evaluate(([token, count]) => page.subscribeOften(token, count), [
      server.token,
      200,
    ] as const);
    expect(texts).toEqual(Array(200).fill("to all of them"));
    expect(server.chatter.openWebSockets).toBeGreaterThanOrEqual(200);
    // Chromium may have a connection of another kind beside it, for which it keeps one ready.
    expect(server.server.connections.http2).toBe(1);
    expect(server.server.connections.all).toBeLessThanOrEqual(3);
  });
});
