import { type CallOptions, Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { ignoringRoutes, OtherService } from "../support/ignoring-service.js";
import { errorOf, Outbox, until } from "../support/streams.js";
import { deadlineHeader, transportOf, type Wire, wires, withToken } from "../support/wires.js";

const binary = wires.filter(({ codec }) => codec === "binary");

type Answer = Promise<unknown> | AsyncIterable<unknown>;
type AnyMethod = (input: unknown, options: CallOptions) => Answer;

/** Each kind of call, with a request stream that stays open where there is one. */
function calls(client: Record<string, AnyMethod>): Record<string, (o: CallOptions) => Answer> {
  const open = () => {
    const outbox = new Outbox<object>();
    outbox.send({ value: "x" });
    return outbox;
  };
  return {
    unary: (options) => client.unary!({}, options),
    serverStream: (options) => client.serverStream!({}, options),
    clientStream: (options) => client.clientStream!(open(), options),
    bidi: (options) => client.bidi!(open(), options),
  };
}

function possibleOver({ http }: Wire): string[] {
  return ["unary", "serverStream", "clientStream", ...(http === "2" ? ["bidi"] : [])];
}

describe.each(binary)("a method that ignores its signal, over $name", (wire) => {
  const possible = possibleOver(wire);

  async function start() {
    const server = await startChatter({ routes: ignoringRoutes() });
    // The server enforces the deadline, not the client, which knows of none.
    const transport = transportOf(wire, server.url, [withToken(server.token)]);
    const client = createClient(OtherService, transport) as unknown as Record<string, AnyMethod>;
    return { server, call: calls(client) };
  }

  test("is ended at the deadline", async () => {
    const { server, call } = await start();
    const headers = deadlineHeader(wire, 100);
    await Promise.all(
      possible.map(async (kind) => {
        const error = await errorOf(call[kind]!({ headers }));
        expect([kind, Code[error.code]]).toEqual([kind, "DeadlineExceeded"]);
      }),
    );
    expect(server.chatter.openCalls).toBe(0);
  });

  test("is ended when its client leaves", async () => {
    const { server, call } = await start();
    const leave = new AbortController();
    const errors = possible.map((kind) => errorOf(call[kind]!({ signal: leave.signal })));
    await until(() => server.chatter.openCalls === possible.length, "all calls are under way");
    leave.abort();
    await Promise.all(errors);
    await until(() => server.chatter.openCalls === 0, "no call is under way");
  });
});

test("a method that ignores its signal is ended when its token expires, over every wire", async () => {
  const server = await startChatter({ routes: ignoringRoutes() });
  const { token } = await server.tokens.issue({
    subject: "goa",
    scopes: ["stream:read"],
    lifetimeSeconds: 2, // Of which up to one is gone already: tokens know whole seconds.
  });
  const endings = binary.flatMap((wire) => {
    const transport = transportOf(wire, server.url, [withToken(token)]);
    const client = createClient(OtherService, transport) as unknown as Record<string, AnyMethod>;
    return possibleOver(wire).map(async (kind) => {
      const error = await errorOf(calls(client)[kind]!({}));
      return [wire.name, kind, Code[error.code], error.rawMessage];
    });
  });
  for (const [wire, kind, ...error] of await Promise.all(endings)) {
    expect([wire, kind, ...error]).toEqual([
      wire,
      kind,
      "Unauthenticated",
      "the token has expired: log in again",
    ]);
  }
  expect(server.chatter.openCalls).toBe(0);
});
