import { createReadStream } from "node:fs";
import { Command } from "commander";
import { readExport } from "../../server/log/copy/export-reader.js";
import { type LogImport, openImport } from "../../server/log/copy/log-import.js";
import { logSettings } from "../../server/settings/log-settings.js";
import { createSettingOption } from "./admin-options.js";
import { addOutputOption, type OutputOptions } from "./options.js";
import { createPrinter } from "./output.js";
import { Progress } from "./progress.js";

interface ImportOptions extends OutputOptions {
  readonly dataDir: string;
  readonly newIdentity?: true;
  readonly allowIncomplete?: true;
}

/** `chatter log import` */
export function createImportCommand(): Command {
  const command = new Command("import")
    .summary("restore a log from an export")
    .description(
      "Restore an export into the folder of an embedded log, which has none, or an earlier " +
        "state of the same one. An import that broke off goes on where it was when it is run " +
        "again; until then no server opens the folder.",
    )
    .argument("[file]", "the export (default: standard input)")
    .addOption(createSettingOption(logSettings.dataDir))
    .option(
      "--new-identity",
      "make a log of its own, numbered from 1, that may live beside the one it comes from",
    )
    .option("--allow-incomplete", "take an export that broke off, up to its last checkpoint");
  return addOutputOption(command)
    .addHelpText(
      "after",
      `
Examples:
  chatter log import --data-dir /var/lib/chatter backup.jsonl
  zcat backup.jsonl.gz | chatter log import --data-dir /var/lib/chatter
  chatter log export | chatter log import --data-dir copy --new-identity`,
    )
    .action(importLog);
}

async function importLog(path: string | undefined, options: ImportOptions): Promise<void> {
  const { dataDir: dir, newIdentity, allowIncomplete } = options;
  const input = path === undefined ? process.stdin : createReadStream(path);
  const progress = new Progress("imported", path !== undefined || !process.stdin.isTTY);
  let target: LogImport | undefined;
  let isComplete = false;
  try {
    for await (const { log, copied, complete } of readExport(input)) {
      target ??= await openImport({ dir, log, newIdentity });
      await target.add(copied);
      progress.count(copied.length);
      isComplete = complete;
    }
    if (target === undefined || !(isComplete || allowIncomplete)) {
      throw new Error(
        `the export is not whole: ${target === undefined ? "it has nothing" : `it breaks off after message ${target.head}`}; ` +
          "finish it and run the import again, or take what there is with --allow-incomplete",
      );
    }
    await target.finish();
  } catch (error) {
    await target?.close();
    throw error;
  } finally {
    progress.end();
  }
  const { identity, head, added } = target;
  await createPrinter(options).object({ data_dir: dir, identity, through: head, added });
}
