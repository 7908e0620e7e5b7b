import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import { startChatter } from "../support/chatter-server.js";
import { runHere } from "../support/cli-here.js";
import { failLog, makeLog, openLog as openFolder, runLog } from "../support/log-copies.js";
import { post, readAll, texts } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { collect, errorOf } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { openLog } from "./support/open-log.js";

const page = readFileSync(new URL("../../docs/scaling.md", import.meta.url), "utf8");

describe.skipIf(!hasNats)("docs/scaling.md", () => {
  test("a log moves while its server runs; the rest follows when that has stopped", async () => {
    const dir = await makeLog(500);
    const old = await openFolder(dir);
    const { url, token } = await startChatter({ log: old });
    const env = { CHATTER_URL: url, CHATTER_TOKEN: token };
    const file = join(tempDir(), "log.jsonl");
    const into = ["import", "--log", `nats://${(await startNats()).address}`, file];

    expect((await runHere(["log", "export", file], { env })).status).toBe(0);
    expect(await runLog(into)).toMatchObject({ added: 506 });
    await old.append([post("late", "late's id"), post("last")]);
    const messages = await readAll(old);
    const cursors = messages.map(({ cursor }) => cursor);
    await old.close();
    await runLog(["export", "--data-dir", dir, file]);
    expect(await runLog(into)).toMatchObject({ added: 2, through: 508 });

    const log = await openLog(into[2]!.slice("nats://".length));
    expect(await texts(log)).toEqual(messages.map(({ message }) => message));
    expect((await log.append([post("late", "late's id")])).positions[0]!.sequence).toBe(507);
    const moved = await startChatter({ log });
    const client = createChatterClient({ url: moved.url, auth: { token: moved.token } });
    onTestFinished(() => client.close());
    const read = (after?: string) => collect(client.history({ after }));
    expect((await errorOf(read(cursors[400]!))).code).toBe(Code.OutOfRange);
    // It has its place under the same sequence.
    const [found] = (await read()).slice(400);
    expect(found!.sequence).toBe(401n);
    expect((await read(found!.cursor))[0]!.message).toBe(messages[401]!.message);
    // A server has posted: later messages of the old log are not imported any more.
    await log.append([post("new")]);
    await runLog(["export", "--data-dir", dir, file]);
    expect(await failLog(into)).toContain("import into a new stream");
  });

  test("the user of its configuration may do all that the engine needs, and no more is asked", async () => {
    const config = /^authorization \{\n[\s\S]*?^\}/m.exec(page)![0];
    const nats = await startNats(config.replace("$CHATTER_NATS_PASSWORD", "secret"));
    const address = { servers: [nats.address], user: "chatter", password: "secret" };
    const log = await openLog(nats.address, { address });
    await log.append(Array.from({ length: 100 }, (_, i) => post(`message ${i}`, `${i}`)));
    // One that has nothing in memory has to read it, and to ask for what was posted before.
    const other = await openLog(nats.address, { address });
    expect(await texts(other)).toHaveLength(100);
    expect((await other.append([post("message 0", "0")])).positions[0]!.sequence).toBe(1);
    // So much at once that JetStream asks whether it has come.
    await Promise.all(
      Array.from({ length: 64 }, (_, i) => other.append([post(`${i} `.padEnd(60_000, "x"))])),
    );
    await expect.poll(() => log.head).toBe(164);
    await other.close();
    await log.close();
    expect(nats.log()).not.toMatch(/violation/i);
  });
});
