/*
 * A program for tests: opens the log in the folder named by its argument, reads all of it from the
 * disk, and prints one line: the ranges of the messages that it got, and of those that were lost.
 */
import { openStore } from "../../src/server/log/file/open-store.js";
import { logFolder } from "../../src/server/log/log-folder.js";

const { store, lock, place } = await openStore(logFolder(process.argv[2]!));
const found: string[] = [];
for (let last = 0; last < place.head; ) {
  const first = last + 1;
  try {
    ({ last } = await store.read(last, place.head));
    found.push(`${first}-${last}`);
  } catch (error) {
    last = Number(/ to (\d+) of the log/.exec((error as Error).message)?.[1] ?? place.head);
    found.push(`lost ${first}-${last}`);
  }
}
process.stdout.write(`${found.join(" ")}\n`);
await store.close();
lock.release();
