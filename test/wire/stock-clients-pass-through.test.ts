import { expect, test } from "vitest";
import type { MessagePath } from "../../src/server/service/passthrough/stream.js";
import { startChatter } from "../support/chatter-server.js";
import { fill } from "../support/fill.js";
import { collect } from "../support/streams.js";
import { clientOf, gzipWires, wires } from "../support/wires.js";

async function* one() {
  yield { message: "x" };
}

test.each([...wires, ...gzipWires])("which path the streams of $name take", async (wire) => {
  const paths: [string, MessagePath][] = [];
  const server = await startChatter({
    onStream: (path, { method }) => paths.push([method.name, path]),
  });
  await fill(server.log, ["stored"]);
  const client = clientOf(server, wire);
  // Connect-ES accepts gzip in all answers; that changes nothing.
  await client.login({ user: "goa", password: "rocks" });
  await client.listener(one());
  await client.summary(one());
  await collect(client.history({}));
  const events = client.subscribe({ after: `${server.log.identity}AAAAAAAA` });
  expect((await events[Symbol.asyncIterator]().next()).done).toBe(false);
  const posts: MessagePath = wire.codec === "binary" && !wire.gzip ? "passthrough" : "decoded";
  // A single compressed request is decoded by Connect; the answers are encoded ones.
  const reads: MessagePath = wire.codec === "binary" ? "passthrough" : "decoded";
  expect(paths).toEqual([
    ["Listener", posts],
    ["Summary", posts],
    ["History", reads],
    ["Subscribe", reads],
  ]);
  if (wire.http === "2") {
    await collect(client.echoer(one()));
    expect(paths.at(-1)).toEqual(["Echoer", posts]);
  }
});
