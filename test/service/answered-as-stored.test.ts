import { expect, onTestFinished, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import type { AppendResult, NewMessage, OnStored } from "../../src/server/log/message-log.js";
import { startChatter } from "../support/chatter-server.js";
import { FaultyLog } from "../support/faulty-log.js";

/** A log that stores one message after the other, each when it is let. */
class SlowLog extends FaultyLog {
  readonly let = new Map<string, () => void>();

  override async append(
    messages: readonly NewMessage[],
    onStored?: OnStored,
  ): Promise<AppendResult> {
    const positions = [];
    for (const [i, message] of messages.entries()) {
      await new Promise<void>((resolve) => this.let.set(message.text, resolve));
      const stored = await super.append([message]);
      positions.push(...stored.positions);
      if (i < messages.length - 1) {
        onStored?.(stored.positions);
      }
    }
    return { positions };
  }
}

test("each post is answered when it is stored, not when all that came with it are", async () => {
  const log = new SlowLog();
  const { url, token } = await startChatter({ log });
  const client = createChatterClient({ url, auth: { token } });
  onTestFinished(() => client.close());
  const publisher = client.publisher();
  const answered: string[] = [];
  const texts = ["one", "two", "three", "four"];
  const all = texts.map((text) =>
    publisher.post(text).then(({ sequence }) => answered.push(`${text} ${sequence}`)),
  );
  for (const [i, text] of texts.entries()) {
    await expect.poll(() => log.let.has(text)).toBe(true);
    log.let.get(text)!();
    await expect.poll(() => answered.at(-1)).toBe(`${text} ${i + 1}`);
  }
  await Promise.all(all);
});
