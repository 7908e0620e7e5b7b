import { describe, expect, onTestFinished, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import { startChatter } from "../support/chatter-server.js";
import { post, posts, texts } from "../support/log-messages.js";
import { hasNats, natsPrograms, startNats } from "../support/nats-server.js";
import { openLog } from "./support/open-log.js";
import { startSlowLink } from "./support/slow-link.js";

const delayMs = 100;

/** Whether a nats-server stores batches, with ids in them, as a whole. */
const hasBatches = !/^2\.(11|12)\./.test(natsPrograms[0]?.version ?? "");

describe.skipIf(!hasNats)(`NATS that is ${delayMs} ms away, each way`, () => {
  async function openFar() {
    const nats = await startNats();
    const link = await startSlowLink(nats.port, delayMs);
    return { nats, link, log: await openLog(link.address) };
  }

  test("answers the posts of a call as they are stored, in order, and sends none of them twice", async () => {
    const { log, link } = await openFar();
    const notified: number[][] = [];
    const messages = posts(12).map((message, i) => ({ ...message, messageId: `id ${i}` }));
    // A repeat among them ends a batch.
    messages.push({ ...messages[3]! });
    messages.push(post("the last"));
    const { positions, error } = await log.append(messages, (stored) => {
      notified.push(stored.map(({ sequence }) => sequence));
    });
    expect(error).toBeUndefined();
    const sequences = positions.map(({ sequence }) => sequence);
    expect(sequences).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 4, 13]);
    expect(notified.length).toBeGreaterThan(0);
    expect(sequences.slice(0, notified.flat().length)).toEqual(notified.flat());
    for (let i = 1; i <= 12; i++) {
      // Found out to be a repeat, the fourth is asked for.
      expect(link.passed(`message ${i}\x10`), `message ${i}`).toBe(i === 4 ? 2 : 1);
    }
  });

  test.skipIf(!hasBatches)(
    "takes 1,024 posts at once by the client library, each once and in order",
    { timeout: 60_000 },
    async () => {
      const { log } = await openFar();
      const { url, token } = await startChatter({ log });
      const client = createChatterClient({ url, auth: { token } });
      onTestFinished(() => client.close());
      const publisher = client.publisher();
      const all = Array.from({ length: 1024 }, (_, i) => `message ${i}`);
      const answers = await Promise.all(all.map((text) => publisher.post(text)));
      await publisher.close();
      expect(answers.map(({ sequence }) => Number(sequence))).toEqual(all.map((_, i) => i + 1));
      expect(await texts(log)).toEqual(all);
    },
  );

  test.skipIf(!hasBatches)("finds out what of many posts was stored before", async () => {
    const { log, nats } = await openFar();
    const near = await openLog(nats.address);
    const messages = posts(300).map((message, i) => ({ ...message, messageId: `id ${i}` }));
    await near.append(messages.slice(0, 200));
    await near.append([post("another one")]);
    const { positions } = await log.append(messages);
    expect(positions.map(({ sequence }) => sequence)).toEqual([
      ...Array.from({ length: 200 }, (_, i) => i + 1),
      ...Array.from({ length: 100 }, (_, i) => i + 202),
    ]);
    const other = [messages[0]!, { ...messages[1]!, text: "another text" }, post("never stored")];
    const refused = await log.append(other);
    expect(refused.positions.map(({ sequence }) => sequence)).toEqual([1]);
    expect(refused.error?.message).toContain("was used for another text");
    expect(await texts(near)).not.toContain("never stored");
  });
});
