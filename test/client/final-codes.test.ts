import { Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { expect, test } from "vitest";
import { finalCodes } from "../../src/client/node.js";
import { startChatter } from "../support/chatter-server.js";
import { errorOf } from "../support/streams.js";
import { clientFor } from "./support/connected.js";
import { startProxy } from "./support/proxy.js";
import { shortenPauses } from "./support/short-pauses.js";
import { when } from "./support/when.js";
import { wireNames } from "./support/wires.js";

shortenPauses();

const final = [
  "data_loss",
  "invalid_argument",
  "out_of_range",
  "permission_denied",
  "unauthenticated",
  "unimplemented",
];
const codes = Object.values(Code).filter((code) => typeof code === "number");

/** A server whose methods fail with a code while one is set. */
async function failingServer() {
  const failing: { code: Code | undefined; calls: number } = { code: undefined, calls: 0 };
  const server = await startChatter({
    interceptors: [
      (next) => async (request) => {
        if (failing.code !== undefined) {
          failing.calls++;
          throw new ConnectError("so it is", failing.code);
        }
        return next(request);
      },
    ],
  });
  return { server, failing };
}

test("the list of final codes is public", () => {
  expect([...finalCodes].map(codeToString).sort()).toEqual(final);
});

test.each(wireNames)("over %s those codes end a subscription, all others do not", async (wire) => {
  const { server, failing } = await failingServer();
  for (const code of codes) {
    failing.code = code;
    failing.calls = 0;
    const client = clientFor({ url: server.url, auth: { token: server.token }, transport: wire });
    const subscription = client.subscribe();
    const isFinal = final.includes(codeToString(code));
    if (isFinal) {
      const error = await errorOf(subscription);
      expect([error.code, error.rawMessage]).toEqual([code, "so it is"]);
      expect(failing.calls).toBe(1);
      expect((await errorOf(client.history())).code).toBe(code);
    } else {
      await when(() => failing.calls === 2);
      failing.code = undefined;
      await when(() => subscription.state.status === "live");
      await subscription.return();
    }
  }
});

test("unimplemented is not final once the server was there: a proxy has lost it", async () => {
  const { server, failing } = await failingServer();
  const proxy = await startProxy(server.url);
  const client = clientFor({ url: proxy.url, auth: { token: server.token } });
  const subscription = client.subscribe();
  await when(() => subscription.state.status === "live");
  failing.code = Code.Unimplemented;
  proxy.cut();
  await when(() => failing.calls === 2);
  failing.code = undefined;
  await when(() => subscription.state.status === "live");
});

test("a cursor of another log, beyond the head, or none, ends a subscription and a history", async () => {
  const one = await startChatter();
  const other = await startChatter();
  const client = clientFor({ url: one.url, auth: { token: one.token } });
  const foreign = clientFor({ url: other.url, auth: { token: other.token } });
  const { cursor } = await foreign.publisher().post("1");
  expect((await errorOf(client.subscribe({ after: cursor }))).code).toBe(Code.OutOfRange);
  expect((await errorOf(client.history({ after: cursor }))).code).toBe(Code.OutOfRange);
  expect((await errorOf(client.subscribe({ after: "cursor" }))).code).toBe(Code.InvalidArgument);
});
