import { expect, it } from "vitest";
import type { Way } from "../../src/server/service/encoded-stream.js";
import { startChatter } from "../support/chatter-server.js";
import { fill } from "../support/fill.js";
import { collect } from "../support/streams.js";
import { clientOf, gzipWires, wires } from "../support/wires.js";

async function* one() {
  yield { message: "x" };
}

it.each([...wires, ...gzipWires])("which way the streams of $name take", async (wire) => {
  const ways: [string, Way][] = [];
  const server = await startChatter({
    onStream: (way, { method }) => ways.push([method.name, way]),
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
  const posts: Way = wire.codec === "binary" && !wire.gzip ? "encoded" : "ordinary";
  // A single compressed request is decoded by Connect; the answers are encoded ones.
  const reads: Way = wire.codec === "binary" ? "encoded" : "ordinary";
  expect(ways).toEqual([
    ["Listener", posts],
    ["Summary", posts],
    ["History", reads],
    ["Subscribe", reads],
  ]);
  if (wire.http === "2") {
    await collect(client.echoer(one()));
    expect(ways.at(-1)).toEqual(["Echoer", posts]);
  }
});
