import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import { startChatter } from "../support/chatter-server.js";
import { post } from "../support/cli-server.js";
import { progressOf } from "../support/outcome.js";
import { errorOf, Outbox } from "../support/streams.js";
import { clientOf, fullDuplexWires } from "../support/wires.js";

describe.each(fullDuplexWires)("streams over $name", (wire) => {
  test("end at their maximum age, within a tenth, with what tells a client to continue", async () => {
    const server = await startChatter({ limits: { maxStreamAgeMs: 400 } });
    const client = clientOf(server, wire);
    const begun = performance.now();
    const ages: number[] = [];
    const outbox = new Outbox<{ message: string }>();
    outbox.send({ message: "stored" });
    const streams = [
      client.subscribe({}),
      client.listener(outbox),
      ...Array.from({ length: 10 }, () => client.subscribe({})),
    ];
    const errors = await Promise.all(
      streams.map(async (stream) => {
        const error = await errorOf(stream);
        ages.push(performance.now() - begun);
        return error;
      }),
    );
    expect(errors.map(({ code }) => code)).toEqual(errors.map(() => Code.Unavailable));
    expect(errors[0]?.rawMessage).toMatch(/maximum age/);
    expect(progressOf(errors[1]!)?.stored).toBe(1n);
    expect(Math.min(...ages)).toBeGreaterThan(355);
    // They do not all come back in the same instant.
    expect(Math.max(...ages) - Math.min(...ages)).toBeGreaterThan(1);
  });
});

test("a client's subscription and publisher continue without a hole or a repeat", async () => {
  const server = await startChatter({ limits: { maxStreamAgeMs: 100 } });
  const client = createChatterClient({ url: server.url, auth: { token: server.token } });
  const publisher = client.publisher();
  const seen: string[] = [];
  await post(server.log, "before");
  const subscription = client.subscribe({ after: undefined });
  const reading = (async () => {
    for await (const { message } of subscription) {
      seen.push(message);
      if (message === "post 19") {
        return;
      }
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const posted: string[] = [];
  for (let i = 0; i < 20; i++) {
    posted.push(`post ${i}`);
    await publisher.post(`post ${i}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await reading;
  await client.close();
  expect(seen).toEqual(posted);
});
