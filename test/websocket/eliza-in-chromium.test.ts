import { expect, onTestFinished, test } from "vitest";
import { startProxy } from "../client/support/proxy.js";
import { describeInChromium } from "../support/chromium.js";
import { startEliza } from "../support/eliza-example.js";
import { until } from "../support/streams.js";

describeInChromium("the page of examples/eliza", (browser) => {
  test("makes all four kinds of call on its one connection", { timeout: 120_000 }, async () => {
    const { url } = await startEliza();
    const proxy = await startProxy(url);
    const context = await browser().newContext({ ignoreHTTPSErrors: true });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    const opened: string[] = [];
    page.on("websocket", (webSocket) => opened.push(new URL(webSocket.url()).pathname));
    await page.goto(proxy.url.replace("http:", "https:"));
    const lines = () => page.locator("#lines li").allTextContents();
    const shown = (text: string) =>
      until(async () => (await lines()).includes(text), `"${text}" is shown`);
    const say = async (sentence: string) => {
      await page.fill("#sentence", sentence);
      await page.click("text=Say");
    };

    await shown("You follow the news."); // Server stream, which stays open.
    await shown("Hello you. I am Eliza."); // Server stream.
    await shown("Hello. How are you today?"); // Unary.
    await say("I am tired.");
    await shown("Why do you think you are tired?"); // Both directions: one answer before the next.
    await say("My cat sings");
    await shown("Tell me more about your cat.");
    await page.click("#publish");
    await shown("2 published."); // Client stream.
    await shown("News: My cat sings");

    expect(opened.map((path) => path.split("/").at(-1)).sort()).toEqual([
      "Converse",
      "Follow",
      "Introduce",
      "Publish",
      "Say",
    ]);
    // Over HTTP/1.1 each WebSocket would have one of its own. Chromium may keep others ready.
    expect(proxy.connections).toBeLessThanOrEqual(3);
  });
});
