import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { refused } from "./goa/client.js";

test.each([[[]], [["https://app.example"]]])(
  "a refused origin is logged once, with the flag to set, beside %j",
  async (allowedOrigins) => {
    const lines: [object, string][] = [];
    const logger = {
      info: (fields: object, message: string) => lines.push([fields, message]),
      error: () => {},
    };
    const server = await startChatter({ logger, allowedOrigins });
    const paths = ["/subscribe", "/chatter.v1.ChatterService/Echoer"];
    for (const path of paths) {
      for (const origin of ["https://other.example", "https://other.example", "null"]) {
        expect((await refused(server, path, { origin })).status).toBe(403);
      }
    }
    // By fetch, a browser asks first.
    const preflight = { origin: "https://third.example", "access-control-request-method": "POST" };
    for (let i = 0; i < 2; i++) {
      await fetch(`${server.url}/chatter.v1.ChatterService/Login`, {
        method: "OPTIONS",
        headers: preflight,
      });
    }
    for (let i = 0; i < 200; i++) {
      await refused(server, "/subscribe", { origin: `https://${i}.example` });
    }
    const origins = lines
      .filter(([, message]) => message.includes("--allowed-origins (CHATTER_ALLOWED_ORIGINS)"))
      .map(([fields]) => (fields as { origin: string }).origin);
    expect(origins.slice(0, 3)).toEqual(["https://other.example", "null", "https://third.example"]);
    // Whoever makes up origins does not fill the log.
    expect(origins).toHaveLength(100);
  },
);
