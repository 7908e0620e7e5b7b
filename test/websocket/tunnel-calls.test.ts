import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { PostProgressSchema } from "../../src/gen/chatter_pb.js";
import { echo, Feed, startTunnel } from "../support/websocket-service.js";

async function collect<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of messages) {
    all.push(message);
  }
  return all;
}

async function* posts(...messages: string[]) {
  for (const message of messages) {
    yield { message };
  }
}

function failure() {
  return new ConnectError("no é", Code.AlreadyExists, { "x-meta": "data", "x-bin": "b" }, [
    { desc: PostProgressSchema, value: { stored: 7n, lastSequence: 9n } },
  ]);
}

describe.each([
  { codec: "binary", useBinaryFormat: true },
  { codec: "JSON", useBinaryFormat: false },
])("a generated client over the tunnel, $codec", ({ useBinaryFormat }) => {
  test("does all four kinds of call", async () => {
    const { client } = await startTunnel({
      login: ({ user }) => ({ token: `for ${user}` }),
      listener: async (requests) => ({ stored: BigInt((await collect(requests)).length) }),
      async *history({ limit }) {
        for (let i = 1n; i <= limit; i++) {
          yield { sequence: i, message: `é ${i}` };
        }
      },
      echoer: echo,
    });
    const chatter = client({ useBinaryFormat });
    expect((await chatter.login({ user: "goa" })).token).toBe("for goa");
    expect((await chatter.listener(posts("a", "b", "c"))).stored).toBe(3n);
    const history = await collect(chatter.history({ limit: 1000n }));
    expect(history.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 1000 }, (_, i) => BigInt(i + 1)),
    );
    expect(history.at(-1)?.message).toBe("é 1000");
    const echoed = await collect(chatter.echoer(posts("a", "", "x".repeat(200_000))));
    expect(echoed.map(({ message }) => message)).toEqual(["a", "", "x".repeat(200_000)]);
  });

  test("gets the reply to the first message before it sends the second, and receives on after half-close", async () => {
    const { client } = await startTunnel({
      async *echoer(requests) {
        const seen: string[] = [];
        for await (const { message } of requests) {
          seen.push(message);
          yield { message };
        }
        for (const message of seen) {
          yield { message: `late ${message}` };
        }
      },
    });
    const feed = new Feed<{ message: string }>();
    const replies = client({ useBinaryFormat }).echoer(feed)[Symbol.asyncIterator]();
    for (const message of ["a", "b"]) {
      feed.push({ message });
      expect((await replies.next()).value?.message).toBe(message);
    }
    feed.end();
    expect((await replies.next()).value?.message).toBe("late a");
    expect((await replies.next()).value?.message).toBe("late b");
    expect((await replies.next()).done).toBe(true);
  });

  test("sees headers and trailers, and the method sees its headers", async () => {
    const { client } = await startTunnel({
      login(_, context) {
        context.responseHeader.set("x-header", `got ${context.requestHeader.get("x-request")}`);
        context.responseTrailer.set("x-trailer", "unary");
        return {};
      },
      async *history(_, context) {
        context.responseHeader.set("x-header", `got ${context.requestHeader.get("x-request")}`);
        yield {};
        context.responseTrailer.set("x-trailer", "stream");
      },
    });
    const seen: Record<string, string | null> = {};
    const options = {
      headers: { "x-request": "mine" },
      onHeader: (headers: Headers) => {
        seen.header = headers.get("x-header");
      },
      onTrailer: (trailers: Headers) => {
        seen.trailer = trailers.get("x-trailer");
      },
    };
    await client({ useBinaryFormat }).login({}, options);
    expect(seen).toEqual({ header: "got mine", trailer: "unary" });
    await collect(client({ useBinaryFormat }).history({}, options));
    expect(seen).toEqual({ header: "got mine", trailer: "stream" });
  });

  test("gets errors with code, text, details and metadata, from a unary call and in mid-stream", async () => {
    const { client } = await startTunnel({
      login() {
        throw failure();
      },
      async *history() {
        yield { message: "before" };
        throw failure();
      },
    });
    const chatter = client({ useBinaryFormat });
    const before: string[] = [];
    const errors = [
      await chatter.login({}).catch((error) => error),
      await (async () => {
        for await (const { message } of chatter.history({})) {
          before.push(message);
        }
      })().catch((error) => error),
    ];
    expect(before).toEqual(["before"]);
    for (const error of errors) {
      expect(error).toBeInstanceOf(ConnectError);
      expect(error.code).toBe(Code.AlreadyExists);
      expect(error.rawMessage).toBe("no é");
      expect(error.metadata.get("x-meta")).toBe("data");
      expect(error.findDetails(PostProgressSchema)).toEqual([
        create(PostProgressSchema, { stored: 7n, lastSequence: 9n }),
      ]);
    }
  });
});

test("interceptors run once a call, on both sides", async () => {
  const runs = { server: 0, client: 0 };
  const counting =
    (side: keyof typeof runs): Interceptor =>
    (next) =>
    (request) => {
      runs[side]++;
      return next(request);
    };
  const { client } = await startTunnel(
    { login: () => ({}), echoer: echo },
    { interceptors: [counting("server")] },
  );
  const chatter = client({ interceptors: [counting("client")] });
  await chatter.login({});
  expect(runs).toEqual({ server: 1, client: 1 });
  await collect(chatter.echoer(posts("a", "b")));
  expect(runs).toEqual({ server: 2, client: 2 });
});

test("a refused call is an error of the stream, and its method is never entered", async () => {
  let entered = 0;
  const refusing: Interceptor = () => () => {
    throw new ConnectError("invalid token", Code.Unauthenticated);
  };
  const { client } = await startTunnel(
    {
      async *history() {
        entered++;
        yield {};
      },
    },
    { interceptors: [refusing] },
  );
  await expect(collect(client().history({}))).rejects.toMatchObject({
    code: Code.Unauthenticated,
    rawMessage: "invalid token",
  });
  expect(entered).toBe(0);
});
