import { Command } from "commander";
import { addOutputOption, type OutputOptions } from "../../cli/options.js";
import { createPrinter } from "../../cli/output.js";
import type { DamagedRange } from "../log/file/verify-log.js";
import { verifyLog } from "../log/file/verify-log.js";
import { logSettings } from "../settings/log-settings.js";
import { natsSettings } from "../settings/nats-settings.js";
import type { GivenSettings } from "../settings/setting.js";
import { createSettingOption } from "./admin-options.js";
import { damagedLog, memoryNotVerifiable } from "./errors.js";
import { readLogTarget } from "./log-target.js";

/** How to connect to NATS: the settings of a new stream are not needed here. */
const { natsReplicas, natsStorage, ...reachSettings } = natsSettings;

/** `chatter log verify` */
export function createVerifyCommand(): Command {
  const command = new Command("verify")
    .summary("check every record of a log")
    .description(
      "Check every record of the embedded log in a folder that no server has open, or with " +
        "--log nats://… every message of the stream that is the log, and print what there is. " +
        "The exit status is 1 if anything is damaged, missing or not of the log's form.",
    )
    .addOption(
      createSettingOption({ ...logSettings.dataDir, description: "folder of the embedded log" }),
    )
    .addOption(createSettingOption(logSettings.log));
  for (const setting of Object.values(reachSettings)) {
    command.addOption(createSettingOption(setting));
  }
  return addOutputOption(command)
    .addHelpText(
      "after",
      `
Examples:
  chatter log verify --data-dir /var/lib/chatter
  chatter log verify --log nats://n1:4222`,
    )
    .action(verify);
}

async function verify(options: OutputOptions & GivenSettings, command: Command): Promise<void> {
  const { dataDir, engine, nats } = readLogTarget(options, command);
  if (engine === "memory") {
    throw memoryNotVerifiable();
  }
  const faults = await (nats === undefined
    ? verifyFolder(dataDir, options)
    : verifyStream(nats, options));
  if (faults.length > 0) {
    const where = nats === undefined ? dataDir : `the stream "${nats.stream}"`;
    throw damagedLog({ where, faults: faults.join(", ") });
  }
}

async function verifyFolder(dataDir: string, options: OutputOptions): Promise<string[]> {
  const { damagedIds, damagedFiles, ...report } = await verifyLog(dataDir);
  await createPrinter(options).object({
    ...report,
    damaged_ids: damagedIds,
    damaged_files: damagedFiles,
  });
  const ids = damagedIds > 0 ? [`${damagedIds} message ids or records of them`] : [];
  return [...report.damaged.map(rangeText), ...ids, ...damagedFiles];
}

async function verifyStream(
  nats: NonNullable<ReturnType<typeof readLogTarget>["nats"]>,
  options: OutputOptions,
): Promise<string[]> {
  const { verifyNatsLog } = await import("../log/nats/verify-nats-log.js");
  const { malformedCount, ...report } = await verifyNatsLog(nats);
  await createPrinter(options).object({ ...report, malformed_count: malformedCount });
  const malformed = malformedCount > 0 ? [`${malformedCount} messages that are not Chatter's`] : [];
  return [...report.damaged.map(rangeText), ...malformed];
}

function rangeText({ first, last }: DamagedRange): string {
  return `messages ${first} to ${last}`;
}
