import { cpSync, createReadStream } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FileStore } from "../../src/server/log/file/file-store.js";
import { readHeadFiles } from "../../src/server/log/file/head-file.js";
import { logFolder } from "../../src/server/log/log-folder.js";
import {
  type CopiedLog,
  type CopiedMessage,
  decodeStored,
} from "../../src/server/log/transfer/copied-message.js";
import { readExport } from "../../src/server/log/transfer/export-reader.js";
import { tempDir } from "./temp-dir.js";

/** Folders of form 1 as older programs left them, each with its export by the same program. */
export const oldLogs = fileURLToPath(new URL("../log/old-form", import.meta.url));

/** The names of these folders. */
export const oldLogNames = ["plain", "packed", "emptied", "killed"] as const;

/** A copy of one of them, removed after the test. */
export function copyOldLog(name: (typeof oldLogNames)[number]): string {
  const dir = join(tempDir(), name);
  cpSync(join(oldLogs, name), dir, { recursive: true });
  return dir;
}

/** What an export has, as the log was. */
export async function readExportFile(
  path: string,
): Promise<CopiedLog & { readonly messages: readonly CopiedMessage[] }> {
  const messages: CopiedMessage[] = [];
  for await (const { log, copied, complete } of readExport(createReadStream(path))) {
    messages.push(...copied);
    if (complete) {
      return { ...log, messages };
    }
  }
  throw new Error(`${path} is not whole`);
}

/** What is in the segments of a folder. */
export async function readStore(dir: string) {
  const { identity, head } = readHeadFiles(logFolder(dir)).mark!;
  const store = (await FileStore.open({ dir: join(dir, "messages"), identity }, { head }))!;
  const hashes = new Map<number, Buffer>();
  for await (const records of store.ids()) {
    for (const { sequence, hashed } of records.flatMap((record) => record!.ids)) {
      hashes.set(sequence, Buffer.from(hashed.subarray(0, 16)));
    }
  }
  const messages: CopiedMessage[] = [];
  const { firstKept, last } = store.standing;
  for await (const { bytes } of store.records(firstKept - 1)) {
    for (const message of decodeStored(bytes, [])) {
      const idHash = hashes.get(message.sequence);
      messages.push(idHash === undefined ? message : { ...message, idHash });
    }
  }
  await store.close();
  return { identity, first: firstKept, head: last, messages };
}
