import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { Command } from "commander";
import { cannotReadFile } from "../../cli/errors.js";
import { addOutputOption, type OutputOptions } from "../../cli/options.js";
import { createPrinter } from "../../cli/output.js";
import { Progress } from "../../cli/progress.js";
import { systemReason } from "../../errors/system-reason.js";
import type { CopiedLog } from "../log/transfer/copied-message.js";
import { readExport } from "../log/transfer/export-reader.js";
import { type LogImport, openImport } from "../log/transfer/log-import.js";
import type { NatsImport } from "../log/transfer/nats-import.js";
import type { GivenSettings } from "../settings/setting.js";
import { createSettingOption } from "./admin-options.js";
import { incompleteExport, memoryNotImportable } from "./errors.js";
import { readLogTarget, targetSettings } from "./log-target.js";

interface ImportOptions extends OutputOptions {
  readonly newIdentity?: true;
  readonly allowIncomplete?: true;
}

/** `chatter log import` */
export function createImportCommand(): Command {
  const command = new Command("import")
    .summary("restore a log from an export")
    .description(
      "Restore an export into a folder that has no embedded log, or an earlier state of the " +
        "same one. An import that was interrupted continues when it is run again; until it is " +
        "done, no server opens the folder. With --log nats://… the export goes into a new " +
        "stream, whose log has an identity of its own: pass the settings of your servers.",
    )
    .argument("[file]", "the export (default: standard input)");
  for (const setting of targetSettings) {
    command.addOption(createSettingOption(setting));
  }
  command
    .option(
      "--new-identity",
      "create a new log, numbered from 1, that can exist beside the original",
    )
    .option(
      "--allow-incomplete",
      "accept an export that was interrupted, up to its last checkpoint",
    );
  return addOutputOption(command)
    .addHelpText(
      "after",
      `
Examples:
  chatter log import --data-dir /var/lib/chatter backup.jsonl
  zcat backup.jsonl.gz | chatter log import --data-dir /var/lib/chatter
  chatter log export | chatter log import --data-dir copy --new-identity
  chatter log import --log nats://n1:4222 backup.jsonl`,
    )
    .action(importLog);
}

async function importLog(
  path: string | undefined,
  options: ImportOptions & GivenSettings,
  command: Command,
): Promise<void> {
  const { allowIncomplete } = options;
  const { into, open } = targetOf(options, command);
  const input = path === undefined ? process.stdin : await openInput(path);
  const progress = new Progress("imported", path !== undefined || !process.stdin.isTTY);
  let target: LogImport | NatsImport | undefined;
  let isComplete = false;
  try {
    for await (const { log, copied, complete } of readExport(input)) {
      target ??= await open(log);
      await target.add(copied);
      progress.count(copied.length);
      isComplete = complete;
    }
    if (target === undefined || !(isComplete || allowIncomplete)) {
      throw incompleteExport({
        what:
          target === undefined ? "it has nothing" : `it ends early, after message ${target.head}`,
      });
    }
    await target.finish();
  } catch (error) {
    await target?.close();
    throw error;
  } finally {
    progress.end();
  }
  const { identity, head, added } = target;
  await createPrinter(options).object({ ...into, identity, through: head, added });
}

/** The bytes of a file. Rejects with its path and the reason if it cannot be read. */
async function openInput(path: string): Promise<Readable> {
  const fault = (reason: string, cause?: unknown) =>
    cannotReadFile({ path: JSON.stringify(path), reason, cause });
  const file = await open(path, "r").catch((error: unknown) => {
    throw fault(systemReason(error), error);
  });
  if ((await file.stat()).isDirectory()) {
    await file.close();
    throw fault("it is a folder");
  }
  return file.createReadStream();
}

/** What the settings say to import into, and how it is opened. */
function targetOf(options: ImportOptions & GivenSettings, command: Command) {
  const { dataDir: dir, engine, nats, retention, dedupe } = readLogTarget(options, command);
  if (engine === "memory") {
    throw memoryNotImportable();
  }
  if (nats === undefined) {
    const { newIdentity } = options;
    return {
      into: { data_dir: dir },
      open: (log: CopiedLog): Promise<LogImport> => openImport({ dir, log, newIdentity }),
    };
  }
  return {
    into: { stream: nats.stream },
    open: async (log: CopiedLog): Promise<NatsImport> => {
      const { openNatsImport } = await import("../log/transfer/nats-import.js");
      return openNatsImport({ ...nats, retention, dedupeMs: dedupe.windowMs, log });
    },
  };
}
