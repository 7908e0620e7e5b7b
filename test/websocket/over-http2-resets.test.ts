import { once } from "node:events";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { Auth } from "../../src/server/index.js";
import { startChatter } from "../support/chatter-server.js";
import { until } from "../support/streams.js";
import { unhandledRejections } from "../support/unhandled.js";
import { openSession } from "../support/websocket-over-http2.js";

/** Checks tokens when the test lets it. */
function slowAuth() {
  const waiting: ((isValid: boolean) => void)[] = [];
  const auth: Auth = {
    login: () => Promise.reject(new Error("no passwords")),
    verify: () =>
      new Promise((resolve, reject) =>
        waiting.push((isValid) =>
          isValid
            ? resolve({
                ...{ subject: "goa", tokenId: "1", scopes: ["stream:read"] },
                expiresAt: Date.now() + 60_000,
              })
            : reject(new ConnectError("invalid token", Code.Unauthenticated)),
        ),
      ),
  };
  return { auth, waiting };
}

test.each([
  ["valid", true],
  ["not valid", false],
])("a WebSocket may be reset while its token, which is %s, is checked", async (_, isValid) => {
  const rejections = unhandledRejections();
  const errors: unknown[] = [];
  const logger = { info() {}, error: (error: unknown) => errors.push(error) };
  const { auth, waiting } = slowAuth();
  const server = await startChatter({ auth, logger: logger as never });
  const session = await openSession(server);
  const stream = session.request({
    ...{ ":method": "CONNECT", ":protocol": "websocket", ":path": "/subscribe" },
    ...{ "sec-websocket-version": "13", authorization: "Bearer any" },
  });
  stream.on("error", () => {});
  await until(() => waiting.length === 1, "its token is checked");
  stream.close(8);
  // An error that nothing catches would end the server's process, and fails this run.
  const next = session.request({ ":path": "/livez" });
  const [headers] = await once(next, "response");
  expect(headers[":status"]).toBe(200);
  waiting[0]!(isValid);
  await until(() => server.chatter.openWebSockets === 0, "it is closed");
  expect([errors, rejections]).toEqual([[], []]);
});
