import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ServerReflection } from "../../src/gen/grpc/reflection/v1/reflection_pb.js";
import { startChatter } from "../support/chatter-server.js";
import { progressOf } from "../support/outcome.js";
import { retryDelayOf } from "../support/retry-info.js";
import { errorOf, Outbox, sleep } from "../support/streams.js";
import { clientOf, connectWire, fullDuplexWires, transportOf } from "../support/wires.js";

describe.each(fullDuplexWires)("posting streams over $name", (wire) => {
  test("end if no first message comes in time", async () => {
    const refused: string[] = [];
    const server = await startChatter({
      limits: { firstMessageTimeoutMs: 200, onRefused: (limit) => refused.push(limit) },
    });
    const client = clientOf(server, wire);
    const begun = performance.now();
    const silent = [
      errorOf(client.echoer(new Outbox())),
      errorOf(client.listener(new Outbox())),
      errorOf(client.summary(new Outbox())),
    ];
    for (const error of await Promise.all(silent)) {
      expect(error.code).toBe(Code.ResourceExhausted);
      expect(error.rawMessage).toMatch(/no message came within 0.2 seconds/);
      expect(retryDelayOf(error)).toBe(1000);
      expect(progressOf(error)?.stored).toBe(0n);
    }
    expect(performance.now() - begun).toBeGreaterThanOrEqual(195);
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(refused).toEqual(Array(3).fill("first_message_time"));
  });

  test("end if no further message comes in time, and not while some do", async () => {
    const server = await startChatter({
      limits: { firstMessageTimeoutMs: 0, uploadIdleTimeoutMs: 400 },
    });
    const outbox = new Outbox<{ message: string }>();
    const ended = errorOf(clientOf(server, wire).listener(outbox));
    const begun = performance.now();
    await sleep(600); // It is off for the first one.
    for (let i = 0; i < 6; i++) {
      outbox.send({ message: `message ${i}` });
      await sleep(100);
    }
    const error = await ended;
    expect(performance.now() - begun).toBeGreaterThan(1500);
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.rawMessage).toMatch(/no further message came within 0.4 seconds/);
    expect(progressOf(error)?.stored).toBe(6n);
  });
});

test("streams that need no token end too", async () => {
  const server = await startChatter({ limits: { firstMessageTimeoutMs: 100 } });
  const reflection = createClient(ServerReflection, transportOf(connectWire, server.url));
  const error = await errorOf(reflection.serverReflectionInfo(new Outbox()));
  expect(error.code).toBe(Code.ResourceExhausted);
});
