import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { runHere } from "../support/cli-here.js";
import { contentOf, runLog } from "../support/log-copies.js";
import { posts, readAll } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { tempDir } from "../support/temp-dir.js";
import { openLog } from "./support/open-log.js";

test.skipIf(!hasNats)("a log on NATS is exported and becomes an embedded one", async () => {
  const log = await openLog((await startNats()).address);
  await log.append(posts(1000));
  const { url, token } = await startChatter({ log });
  const env = { CHATTER_URL: url, CHATTER_TOKEN: token };
  const { stdout } = await runHere(["log", "export"], { env });
  const dir = tempDir();
  await runLog(["import", "--data-dir", dir], { input: stdout });
  const copy = await contentOf(dir);
  expect([copy.identity, copy.first, copy.head]).toEqual([log.identity, log.first, log.head]);
  expect(copy.messages).toEqual(await readAll(log));
});
