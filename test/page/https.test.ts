import { test } from "vitest";
import { createAuthority } from "../support/certificates.js";
import { startChatter } from "../support/chatter-server.js";
import { startableProxies } from "../support/proxies.js";
import { describeInBrowser, type OpenPage } from "./support/chat-page.js";

const certificate = createAuthority().issue();

/** Logs in, posts and reads: all of it, by the WebSockets of the page. */
async function chatAt(url: string, open: OpenPage): Promise<void> {
  const chat = await open(url, { ignoreHTTPSErrors: true });
  await chat.enter();
  await chat.post("over TLS");
  await chat.shown("over TLS");
}

describeInBrowser("the page over https", (open) => {
  test("from the server itself", async () => {
    const { url } = await startChatter({}, { tls: certificate });
    await chatAt(url, open);
  });

  test.each(startableProxies())("through $name", async (proxy) => {
    const server = await startChatter();
    const { url } = await proxy.start({ url: server.url, certificate });
    await chatAt(url, open);
  });
});
