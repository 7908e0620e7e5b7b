import { Code, createRouterTransport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { startChatter } from "../support/chatter-server.js";
import { fill } from "../support/fill.js";
import { collect, errorOf } from "../support/streams.js";
import { transportOf, type Wire, wires } from "../support/wires.js";
import { clientFor } from "./support/connected.js";
import { demo, wireNames } from "./support/wires.js";

test.each(wireNames)(
  "over %s the generated client has every method, with a token",
  async (wire) => {
    const server = await startChatter();
    const { client } = clientFor({ url: server.url, auth: demo, transport: wire });
    expect((await client.login(demo)).token).not.toBe("");
    const { stored } = await client.listener(requests("1", "2"));
    expect(stored).toBe(2n);
    const { summaries } = await client.summary(requests("3"));
    expect(summaries[0]?.sequence).toBe(3n);
    const echoes = await collect(client.echoer(requests("4")));
    expect(echoes[0]?.sequence).toBe(4n);
    expect(await collect(client.history({ last: 2n }))).toHaveLength(2);
    const abort = new AbortController();
    for await (const { message } of client.subscribe({}, { signal: abort.signal, onHeader })) {
      expect(message).toBe("5");
      break;
    }
    abort.abort();

    function onHeader() {
      void fill(server.log, ["5"]);
    }
  },
);

test("an authorization of the caller's own goes first", async () => {
  const server = await startChatter();
  const { client } = clientFor({ url: server.url, auth: demo });
  const call = client.history({}, { headers: { authorization: "Bearer other" } });
  expect((await errorOf(call)).code).toBe(Code.Unauthenticated);
  await collect(client.history({}));
});

test("a refused token is renewed for the next call", async () => {
  const server = await startChatter();
  const given = ["bad", server.token];
  const { client } = clientFor({ url: server.url, auth: () => given.shift()! });
  expect((await errorOf(client.history({}))).code).toBe(Code.Unauthenticated);
  await collect(client.history({}));
});

test.each(wires.filter(({ http }) => http === "2"))(
  "any transport will do: $name",
  async (wire: Wire) => {
    const server = await startChatter();
    const client = clientFor({ auth: demo, transport: transportOf(wire, server.url) });
    await client.publisher().post("1");
    expect(await collect(client.history())).toHaveLength(1);
  },
);

test("a transport in memory too, for tests of those who use the library", async () => {
  const transport = createRouterTransport(({ service }) => {
    service(ChatterService, {
      async *history(_, { requestHeader }) {
        yield { message: requestHeader.get("authorization") ?? "", sequence: 1n, cursor: "c" };
      },
    });
  });
  const client = clientFor({ auth: { token: "t" }, transport });
  const messages = await collect(client.history());
  expect(messages.map(({ message }) => message)).toEqual(["Bearer t"]);
});

async function* requests(...texts: string[]) {
  for (const message of texts) {
    yield { message };
  }
}
