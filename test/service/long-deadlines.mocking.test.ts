import { Code, createClient } from "@connectrpc/connect";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import type { TransportName } from "../../src/client/chatter-client.js";
import { createChatterClient as createBrowserClient } from "../../src/client/index.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { clientFor } from "../client/support/connected.js";
import { when } from "../client/support/when.js";
import { demo } from "../client/support/wires.js";
import { startChatter } from "../support/chatter-server.js";
import { collect, errorOf } from "../support/streams.js";
import { openingMessage, openRaw, text } from "../support/websocket-raw.js";
import { startTunnel } from "../support/websocket-service.js";
import { mainWires, transportOf, withToken } from "../support/wires.js";

/** What the longest timer is in these tests: longer deadlines need it armed again. */
const longest = vi.hoisted(() => ({ ms: 2 ** 31 - 1 }));
vi.mock("../../src/async/max-timer.js", () => ({
  get maxTimerMs() {
    return longest.ms;
  },
}));

afterEach(() => {
  longest.ms = 2 ** 31 - 1;
});

async function* onePost() {
  yield { message: "one" };
}

test.each(mainWires)("$name: a deadline of any length that can be said is taken", async (wire) => {
  const { url, token } = await startChatter();
  const client = createClient(ChatterService, transportOf(wire, url, [withToken(token)]));
  const [name, timeouts] =
    wire.protocol === "connect"
      ? ["connect-timeout-ms", ["2147483647", "2147483648", "2592000000", "9999999999"]]
      : ["grpc-timeout", ["596H", "597H", "2592000S", "99999999H"]];
  for (const timeout of timeouts) {
    const headers = { [String(name)]: timeout };
    expect((await client.login(demo, { headers })).token).not.toBe("");
    expect((await client.summary(onePost(), { headers })).summaries).toHaveLength(1);
    expect(await collect(client.history({ last: 1n }, { headers }))).toHaveLength(1);
  }
});

test.each(mainWires)("$name: a deadline that is longer than timers go is kept", async (wire) => {
  longest.ms = 40;
  const { url, token, chatter } = await startChatter();
  const client = createClient(ChatterService, transportOf(wire, url, [withToken(token)]));
  // By header alone: the client's own timer has no part in it.
  const headers = { [wire.protocol === "connect" ? "connect-timeout-ms" : "grpc-timeout"]: "" };
  for (const name of Object.keys(headers)) {
    headers[name] = name === "grpc-timeout" ? "300m" : "300";
  }
  const silent = (async function* () {
    await new Promise<void>(() => {});
    yield { message: "never" };
  })();
  const start = performance.now();
  for (const call of [
    () => collect(client.subscribe({}, { headers })),
    () => client.listener(silent, { headers }),
  ]) {
    expect((await errorOf(call())).code).toBe(Code.DeadlineExceeded);
  }
  expect(performance.now() - start).toBeGreaterThan(590);
  await when(() => chatter.openCalls === 0);
});

test("a tunnel before a service keeps it too", async () => {
  longest.ms = 40;
  let abortedWith: unknown;
  const { port } = await startTunnel({
    listener: (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          abortedWith = signal.reason;
          reject(signal.reason);
        });
      }),
  });
  const start = performance.now();
  const raw = openRaw(port, "Listener").write(
    openingMessage({ "content-type": ["application/connect+json"], "connect-timeout-ms": ["300"] }),
    text("null"),
  );
  await raw.closed();
  expect(performance.now() - start).toBeGreaterThan(290);
  expect(raw.body.toString()).toContain("deadline_exceeded");
  expect(abortedWith).toMatchObject({ code: Code.DeadlineExceeded });
});

const transports: TransportName[] = ["connect", "grpc", "grpc-web", "ws"];
const dayMs = 86_400_000;

test.each(transports)(
  "the library's client by %s takes deadlines of any length",
  async (transport) => {
    const asked: (number | undefined)[] = [];
    const { url } = await startChatter({
      interceptors: [
        (next) => (request) => {
          const { header, method } = request;
          // The library's own login, for the first token, has no deadline.
          if (method.name === "History") {
            asked.push(timeoutOf(header));
          }
          return next(request);
        },
      ],
    });
    const { client } = clientFor({ url, auth: demo, transport });
    for (const days of [0.999999999, 2, 24, 25, 200, 1e6]) {
      const timeoutMs = days * dayMs;
      expect((await client.login(demo, { timeoutMs })).token).not.toBe("");
      expect(await collect(client.history({}, { timeoutMs }))).toEqual([]);
    }
    // What is longer than timers go the server's calls do not see: their lifetime keeps it. Of the
    // others the time is taken off that a token took.
    expect(asked).toHaveLength(6);
    for (const [i, days] of [1, 2, 24].entries()) {
      expect(asked[i]).toBeLessThanOrEqual(days * dayMs);
      expect(asked[i]).toBeGreaterThan((days - 0.1) * dayMs);
    }
    expect(asked.slice(3)).toEqual([undefined, undefined, undefined]);
  },
);

/** The deadline that a request's header has, in milliseconds. */
function timeoutOf(header: Headers): number | undefined {
  const [, grpc, unit] = /^(\d+)([mS])$/.exec(header.get("grpc-timeout") ?? "") ?? [];
  const connect = header.get("connect-timeout-ms") ?? undefined;
  return grpc
    ? Number(grpc) * (unit === "S" ? 1000 : 1)
    : connect === undefined
      ? undefined
      : Number(connect);
}

test.each(transports)(
  "the library's client by %s keeps those that timers do not",
  async (transport) => {
    const { url } = await startChatter();
    const clients = [clientFor({ url, auth: demo, transport })];
    if (transport === "connect" || transport === "grpc-web") {
      const browser = createBrowserClient({ url, auth: demo, transport });
      onTestFinished(() => browser.close());
      clients.push(browser);
    }
    for (const { client } of clients) {
      await client.login(demo); // There is a token, and a connection.
      longest.ms = 40;
      const start = performance.now();
      const error = await errorOf(client.subscribe({}, { timeoutMs: 300 }));
      expect(error.code).toBe(Code.DeadlineExceeded);
      expect(performance.now() - start).toBeGreaterThan(290);
      longest.ms = 2 ** 31 - 1;
    }
  },
);
