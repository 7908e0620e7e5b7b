/*
 * A program for tests, to be recorded: creates a log in the folder of its argument, posts, closes
 * it, opens it again and continues posting; files are small, so that many begin, and retention
 * removes some. A second argument is the beginning of texts. Prints "identity ID", and for each
 * answer "ok SEQUENCE TEXT".
 */
import { writeSync } from "node:fs";
import { openFileLog } from "../../../src/server/log/file/file-log.js";
import { keptMessages, recordedId, recordedRoom, segmentBytes } from "./recorded-posts.js";

const print = (line: string) => writeSync(1, `${line}\n`);
const [, , dir = "", start = ""] = process.argv;

for (const round of [1, 2]) {
  const log = await openFileLog({ dir, segmentBytes, retention: { maxMessages: keptMessages } });
  print(`identity ${log.identity}`);
  const post = async (text: string) => {
    const message = { text, sender: "s", messageId: recordedId(text), room: recordedRoom(text) };
    const { positions, error } = await log.append([message]);
    if (error !== undefined) {
      throw error;
    }
    print(`ok ${positions[0]!.sequence} ${text}`);
  };
  for (let i = 0; i < 50; i++) {
    // Some alone, some that share a commit, some larger than a page of the disk.
    const count = [1, 1, 3, 1, 7][i % 5]!;
    const length = i % 10 === 9 ? 6000 : 30 + i * 5;
    await Promise.all(
      Array.from({ length: count }, (_, k) =>
        post(`${start}${round}-${i}-${k} `.padEnd(length + k, "x")),
      ),
    );
  }
  while (round === 1 && log.first === 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await log.close();
}
