import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import { startChatter } from "../support/chatter-server.js";
import { texts } from "../support/log-messages.js";
import { progressOf } from "../support/outcome.js";
import { retryDelayOf } from "../support/retry-info.js";
import { collect, errorOf } from "../support/streams.js";
import { clientOf, fullDuplexWires, mainWires } from "../support/wires.js";

async function* requests(count: number) {
  for (let i = 1; i <= count; i++) {
    yield { message: `message ${i}` };
  }
}

/** A second is over when the window of the test's messages is. */
const limits = { maxUserMessages: 20 };

describe.each(mainWires)("messages a second of a user, over $name", (wire) => {
  test("as many as the limit pass; of one more the progress says that it is not stored", async () => {
    const refused: string[] = [];
    const server = await startChatter({
      limits: { ...limits, onRefused: (limit) => refused.push(limit) },
    });
    const client = clientOf(server, wire);
    const error = await errorOf(client.listener(requests(21)));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.rawMessage).toMatch(/20 messages a second/);
    expect(progressOf(error)).toMatchObject({ stored: 20n, lastSequence: 20n });
    expect(retryDelayOf(error)).toBeGreaterThan(0);
    expect(retryDelayOf(error)).toBeLessThanOrEqual(1000);
    expect(refused).toContain("user_messages");
    expect((await texts(server.log)).at(-1)).toBe("message 20");

    const { token } = await server.tokens.issue({ subject: "other", scopes: ["stream:write"] });
    expect(await clientOf(server, wire, token).listener(requests(20))).toMatchObject({
      stored: 20n,
    });
  });
});

test.each(fullDuplexWires)(
  "Echoer answers what is stored before it refuses, over $name",
  async (wire) => {
    const server = await startChatter({ limits });
    const answers: bigint[] = [];
    const echo = async () => {
      for await (const { sequence } of clientOf(server, wire).echoer(requests(50))) {
        answers.push(sequence);
      }
    };
    const error = await errorOf(echo());
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(answers).toHaveLength(20);
    expect(progressOf(error)?.stored).toBe(20n);
    expect(server.log.head).toBe(20);
  },
);

test("all streams of a user count together", async () => {
  const server = await startChatter({ limits });
  const client = clientOf(server);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 4 }, () => client.listener(requests(10))),
  );
  expect(outcomes.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
  expect(server.log.head).toBe(20);
});

test("when the second is over there is room again", async () => {
  const server = await startChatter({ limits: { maxUserMessages: 1 } });
  const client = clientOf(server);
  await client.listener(requests(1));
  const delayMs = retryDelayOf(await errorOf(client.listener(requests(1))))!;
  await new Promise((resolve) => setTimeout(resolve, delayMs + 50));
  expect(await client.listener(requests(1))).toMatchObject({ stored: 1n });
});

test("a publisher waits as long as it is asked to, and each post is stored once", async () => {
  const server = await startChatter({ limits: { maxUserMessages: 100 } });
  const client = createChatterClient({ url: server.url, auth: { token: server.token } });
  const waits: number[] = [];
  const publisher = client.publisher({
    onState(state) {
      if (state.status === "waiting") {
        waits.push(state.delayMs);
      }
    },
  });
  const posted = await Promise.all(
    Array.from({ length: 250 }, (_, i) => publisher.post(`post ${i}`)),
  );
  await client.close();
  expect(posted.map(({ sequence }) => Number(sequence))).toEqual(posted.map((_, i) => i + 1));
  expect(await texts(server.log)).toEqual(posted.map((_, i) => `post ${i}`));
  // It met the limit twice, and did not flood the server until the second was over.
  expect(waits.length).toBeGreaterThanOrEqual(2);
  expect(waits.length).toBeLessThanOrEqual(6);
});

test("without the limit nothing is slowed", async () => {
  const server = await startChatter();
  expect(await clientOf(server).listener(requests(5000))).toMatchObject({ stored: 5000n });
  await collect(clientOf(server).history({ limit: 1n }));
});
