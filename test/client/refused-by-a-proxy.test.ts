import type { IncomingHttpHeaders } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import type { ChatterClient, ChatterClientOptions } from "../../src/client/chatter-client.js";
import type { ConnectionState } from "../../src/client/connection-state.js";
import { createChatterClient as createBrowserClient } from "../../src/client/index.js";
import { createChatterClient } from "../../src/client/node.js";
import { startChatter } from "../support/chatter-server.js";
import { fill } from "../support/fill.js";
import { collect, errorOf } from "../support/streams.js";
import { clientFor } from "./support/connected.js";
import { type ImpostorAnswer, inForm, page, startImpostor } from "./support/impostor.js";
import { startProxy } from "./support/proxy.js";
import { shortenPauses } from "./support/short-pauses.js";
import { when } from "./support/when.js";
import { demo } from "./support/wires.js";

shortenPauses();

type Make = (url: string, auth: ChatterClientOptions["auth"]) => ChatterClient;

/** Every transport of both entries of the package that can be run here. */
const clients: readonly (readonly [name: string, canPost: boolean, make: Make])[] = [
  ...(["connect", "grpc", "grpc-web", "ws"] as const).map((transport): [string, boolean, Make] => [
    `${transport} in Node`,
    true,
    (url, auth) => createChatterClient({ url, auth, transport }),
  ]),
  ...(["connect", "grpc-web"] as const).map((transport): [string, boolean, Make] => [
    `${transport} by fetch`,
    false,
    (url, auth) => createBrowserClient({ url, auth, transport }),
  ]),
];

const answers: readonly (readonly [string, (headers: IncomingHttpHeaders) => ImpostorAnswer])[] = [
  ...[400, 401, 403, 404].map((status) => [`HTTP ${status}`, () => page(status)] as const),
  ["not from Chatter", inForm],
];

test.each(clients)(
  "over %s a refusal that is not Chatter's ends nothing, and the state says what it was",
  { timeout: 60_000 },
  async (name, canPost, make) => {
    const server = await startChatter();
    const proxy = await startProxy(server.url);
    const client = make(proxy.url, demo);
    onTestFinished(() => client.close());
    const states: ConnectionState[] = [];
    const subscription = client.subscribe({ onState: (state) => states.push(state) });
    await when(() => subscription.state.status === "live");
    const received: string[] = [];
    const ended = (async () => {
      for await (const { message } of subscription) {
        received.push(message);
      }
    })();
    const publisher = client.publisher();
    const posted: Promise<unknown>[] = [];
    const texts: string[] = [];

    for (const [said, answer] of answers) {
      const impostor = await startImpostor(answer);
      states.length = 0;
      proxy.redirect(impostor.url);
      proxy.cut();
      texts.push(`during ${said}`);
      if (canPost) {
        posted.push(publisher.post(`during ${said}`));
      }
      const reading = collect(client.history());
      reading.catch(() => {}); // It is awaited below.
      await when(() => states.filter(({ status }) => status === "waiting").length >= 3);
      expect(impostor.requests).toBeGreaterThanOrEqual(3);
      const heard = name.startsWith("ws") && said === "not from Chatter" ? "HTTP 403" : said;
      const reasons = states.map((state) => ("reason" in state ? state.reason?.rawMessage : ""));
      expect(reasons.some((reason) => reason?.includes(heard))).toBe(true);

      proxy.redirect(server.url);
      proxy.cut();
      await when(() => subscription.state.status === "live");
      await reading;
      if (!canPost) {
        await fill(server.log, [`during ${said}`]);
      }
      await Promise.all(posted);
    }
    await when(() => received.length >= texts.length);
    expect(received).toEqual(texts);
    client.close();
    await ended;
  },
);

test.each(clients)(
  "over %s a login is tried again through such an answer, and a wrong password ends at once",
  async (_, __, make) => {
    const server = await startChatter();
    const impostor = await startImpostor(() => page(401));
    const proxy = await startProxy(impostor.url);
    const client = make(proxy.url, demo);
    onTestFinished(() => client.close());
    const subscription = client.subscribe();
    await when(() => impostor.requests >= 2);
    proxy.redirect(server.url);
    proxy.cut();
    await when(() => subscription.state.status === "live");

    const wrong = make(server.url, { user: "goa", password: "rolls" });
    onTestFinished(() => wrong.close());
    const error = await errorOf(wrong.subscribe());
    expect([error.code, error.rawMessage]).toEqual([
      Code.Unauthenticated,
      "invalid username and password combination",
    ]);
  },
);

test("a function that gives tokens may be refused by a proxy too, and is asked again", async () => {
  const server = await startChatter();
  let asked = 0;
  const auth = () => {
    if (++asked < 3) {
      // As Connect's transports tell an answer that is not Connect's.
      throw new ConnectError("HTTP 403", Code.PermissionDenied, { "content-type": "text/html" });
    }
    return server.token;
  };
  expect(await collect(clientFor({ url: server.url, auth }).history())).toEqual([]);
  expect(asked).toBe(3);
});

test("a fixed token is final only if Chatter itself refuses it", async () => {
  const server = await startChatter();
  const impostor = await startImpostor(() => page(401));
  const proxy = await startProxy(impostor.url);
  const client = clientFor({ url: proxy.url, auth: { token: server.token } });
  const subscription = client.subscribe();
  await when(() => impostor.requests >= 3);
  proxy.redirect(server.url);
  proxy.cut();
  await when(() => subscription.state.status === "live");
});
