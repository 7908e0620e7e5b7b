/*
 * A program for tests: opens the log in the folder named by its argument and posts until it
 * is killed or the log takes no more. Says "open HEAD", then "ok TEXT" for each message that
 * was answered and "failed CODE" for each that was refused. POSTER_WRITERS (default 4) post
 * at the same time, each one message at a time; POSTER_BYTES (default 20) is the length of
 * a text; POSTER_COUNT ends it after this many messages.
 */
import { Code } from "@connectrpc/connect";
import { openFileLog } from "../../src/server/log/file/file-log.js";

const writers = Number(process.env.POSTER_WRITERS ?? 4);
const bytes = Number(process.env.POSTER_BYTES ?? 20);
let left = Number(process.env.POSTER_COUNT ?? Number.POSITIVE_INFINITY);

const say = (line: string) => process.stdout.write(`${line}\n`);

const log = await openFileLog({ dir: process.argv[2]! });
say(`open ${log.head}`);

async function write(writer: number): Promise<void> {
  for (let i = 0; left-- > 0; i++) {
    const text = `${process.pid}-${writer}-${i}-`.padEnd(bytes, "x");
    const messageId = i % 2 === 0 ? `${process.pid}-${writer}-${i}` : "";
    const { error } = await log.append([{ text, sender: "poster", messageId }]);
    say(error === undefined ? `ok ${text}` : `failed ${Code[error.code]}`);
    if (error !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

await Promise.all(Array.from({ length: writers }, (_, i) => write(i)));
await log.close();
say("closed");
