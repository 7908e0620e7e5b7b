/*
 * Over TLS, nginx holds the headers of an HTTP/2 response back until it has more to send on the
 * connection: on a quiet subscription, until the first bookmark.
 */

import { afterAll, describe, expect, test } from "vitest";
import { createAuthority } from "../support/certificates.js";
import { startChatter } from "../support/chatter-server.js";
import { startableProxies } from "../support/proxies.js";
import { clientFor } from "./support/connected.js";
import { when } from "./support/when.js";
import { demo } from "./support/wires.js";

const certificate = createAuthority().issue();
// The library takes the authorities that Node has: this one is none of them.
const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
afterAll(() => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
});

describe.each(startableProxies())("behind $name", (proxy) => {
  test.each(["connect", "grpc", "grpc-web", "ws"] as const)(
    "a subscription over %s is live at once, though nothing is stored",
    { timeout: 8_000 }, // Shorter than everything that follows by itself: pings and bookmarks.
    async (transport) => {
      const server = await startChatter({
        trustedProxies: ["127.0.0.1"],
        allowedHosts: ["localhost"],
      });
      const { url } = await proxy.start({ url: server.url, certificate });
      const client = clientFor({ url, auth: demo, transport });
      const subscription = client.subscribe();
      await when(() => subscription.state.status === "live");
      expect(subscription.cursor).toBeDefined();
    },
  );
});
