import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { createClient, type Interceptor } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { Health } from "../../src/gen/health/v1/health_pb.js";
import { startChatter } from "../support/chatter-server.js";
import { errorOf, until } from "../support/streams.js";
import { transportOf, wires } from "../support/wires.js";

interface Line {
  readonly level: "info" | "error";
  readonly fields: { readonly err?: Error };
  readonly message: string;
}

async function start(interceptor: Interceptor) {
  const lines: Line[] = [];
  const write = (level: Line["level"]) => (fields: object, message: string) =>
    void lines.push({ level, fields, message });
  const logger = { info: write("info"), error: write("error") };
  return { lines, ...(await startChatter({ logger, interceptors: [interceptor] })) };
}

describe.each([
  ["1.1", "x-broken", "\u0001"], // Node writes no control characters there.
  ["2", "connection", "close"], // There is no such header in HTTP/2.
] as const)("HTTP/%s", (http, name, value) => {
  const wire = wires.find((each) => each.http === http)!;

  test("an answer that cannot be written has an error line", async () => {
    const { url, lines } = await start((next) => async (request) => {
      const response = await next(request);
      response.header.set(name, value);
      return response;
    });
    await errorOf(createClient(Health, transportOf(wire, url)).check({}));
    const [error, ...more] = lines.filter(({ level }) => level === "error");
    expect(error).toMatchObject({ message: "request failed" });
    expect(error?.fields.err?.message).toContain(name);
    expect(more).toEqual([]);
  });
});

test("a client that leaves before its answer is no error of the server", async () => {
  let goOn = () => {};
  const { url, lines } = await start((next) => async (request) => {
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
    return next(request);
  });
  const socket = connectTcp(Number(new URL(url).port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  const before = goOn;
  socket.write(
    "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: localhost\r\n" +
      "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
  );
  await until(() => goOn !== before, "the call has begun");
  socket.destroy();
  await until(() => lines.length > 0, "the call has its line");
  goOn();
  await new Promise(setImmediate);
  expect(lines).toMatchObject([{ level: "info", message: "call" }]);
});
