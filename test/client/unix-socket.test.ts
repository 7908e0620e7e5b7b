import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createChatterClient as createBrowserClient } from "../../src/client/index.js";
import { createChatterClient } from "../../src/client/node.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { startChatter } from "../support/chatter-server.js";
import { collect } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { clientFor } from "./support/connected.js";
import { when } from "./support/when.js";
import { wireNames } from "./support/wires.js";

const newPath = () => join(tempDir(), "a chatter.sock");

test.each(wireNames)(
  "%s goes over a Unix socket: login, both directions, history",
  async (transport) => {
    const { url } = await startChatter({}, { path: newPath() });
    const auth = { user: "goa", password: "rocks" };
    const client = clientFor({ url, auth, transport });
    const publisher = client.publisher();
    expect((await publisher.post("over a socket")).sequence).toBe(1n);
    await publisher.close();
    const stored = await collect(client.history());
    expect(stored.map(({ message }) => message)).toEqual(["over a socket"]);
  },
);

test.each(wireNames)(
  "%s resumes when the server has removed its file and comes back",
  async (transport) => {
    const path = newPath();
    const log = createMemoryLog();
    const first = await startChatter({ log }, { path });
    const client = clientFor({ url: first.url, auth: { token: first.token }, transport });
    const subscription = client.subscribe();
    await when(() => subscription.state.status === "live");
    const after = subscription[Symbol.asyncIterator]().next();
    await first.server.close(0);
    const other = clientFor({ url: first.url, auth: { token: first.token }, transport });
    await expect(collect(other.client.history({}))).rejects.toMatchObject({
      code: Code.Unavailable,
    });
    await startChatter({ log }, { path });
    await client.post("after");
    expect((await after).value).toMatchObject({ message: "after" });
  },
);

test.each([
  ["a relative path", "unix:chatter.sock"],
  ["a host", "unix://host/chatter.sock"],
  ["a folder", "unix:/run/"],
  ["a query", "unix:/run/chatter.sock?x"],
  ["a long path", `unix:/${"x".repeat(100)}`],
])("a URL with %s is refused", (_, url) => {
  expect(() => createChatterClient({ url, auth: { token: "x" } })).toThrow(
    /"url" is not a Unix socket: it must be unix: and an absolute path/,
  );
});

test("three slashes are as good as one", async () => {
  const path = join(tempDir(), "chatter.sock");
  const { token } = await startChatter({}, { path });
  const client = clientFor({ url: `unix://${path}`, auth: { token } });
  expect(await collect(client.history())).toEqual([]);
});

test("browsers reach no Unix socket", () => {
  const options = { url: "unix:/run/chatter.sock", auth: { token: "x" } };
  expect(() => createBrowserClient(options)).toThrow(/browsers cannot reach/);
});
