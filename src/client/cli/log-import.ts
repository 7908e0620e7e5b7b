import { createReadStream } from "node:fs";
import { Command } from "commander";
import type { CopiedLog } from "../../server/log/copy/copied-message.js";
import { readExport } from "../../server/log/copy/export-reader.js";
import { type LogImport, openImport } from "../../server/log/copy/log-import.js";
import type { NatsImport } from "../../server/log/copy/nats-import.js";
import { logSettings, readLogSettings } from "../../server/settings/log-settings.js";
import { natsSettings } from "../../server/settings/nats-settings.js";
import { type GivenSettings, SettingError } from "../../server/settings/setting.js";
import { SettingReader } from "../../server/settings/setting-reader.js";
import { createSettingOption } from "./admin-options.js";
import { addOutputOption, type OutputOptions } from "./options.js";
import { createPrinter } from "./output.js";
import { Progress } from "./progress.js";

interface ImportOptions extends OutputOptions {
  readonly newIdentity?: true;
  readonly allowIncomplete?: true;
}

/** All that says where the log is to be; a folder has no other settings than its path. */
const targetSettings = [...Object.values(logSettings), ...Object.values(natsSettings)];

/** `chatter log import` */
export function createImportCommand(): Command {
  const command = new Command("import")
    .summary("restore a log from an export")
    .description(
      "Restore an export into the folder of an embedded log, which has none, or an earlier " +
        "state of the same one. An import that broke off goes on where it was when it is run " +
        "again; until then no server opens the folder. With --log nats://… the export goes " +
        "into a new stream, whose log has an identity of its own: give what servers are given.",
    )
    .argument("[file]", "the export (default: standard input)");
  for (const setting of targetSettings) {
    command.addOption(createSettingOption(setting));
  }
  command
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
  const input = path === undefined ? process.stdin : createReadStream(path);
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
  await createPrinter(options).object({ ...into, identity, through: head, added });
}

/** What the settings say to import into, and how it is opened. */
function targetOf(options: ImportOptions & GivenSettings, command: Command) {
  const { dataDir: dir, engine, nats, retention, dedupe } = readTarget(options, command);
  if (engine === "memory") {
    return command.error("error: a log in memory would be gone at once: give another --log");
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
      const { openNatsImport } = await import("../../server/log/copy/nats-import.js");
      return openNatsImport({ ...nats, retention, dedupeMs: dedupe.windowMs, log });
    },
  };
}

function readTarget(options: GivenSettings, command: Command) {
  // A folder that is given as a flag is meant, though the environment has a log for servers.
  const source = (name: string) => command.getOptionValueSource(name);
  const isFolder = source("dataDir") === "cli" && source("log") === "env";
  const given = isFolder ? { ...options, log: logSettings.log.default } : options;
  try {
    return readLogSettings(
      new SettingReader(logSettings, given),
      new SettingReader(natsSettings, given),
    );
  } catch (error) {
    if (error instanceof SettingError) {
      return command.error(`error: ${error.message}`);
    }
    throw error;
  }
}
