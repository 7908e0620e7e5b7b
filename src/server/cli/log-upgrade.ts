import { Command } from "commander";
import { addOutputOption, type OutputOptions } from "../../cli/options.js";
import { createPrinter } from "../../cli/output.js";
import { Progress } from "../../cli/progress.js";
import { type UpgradeReport, upgradeLog, upgradePaths } from "../log/leveldb/log-upgrade.js";
import { logSettings } from "../settings/log-settings.js";
import { createSettingOption } from "./admin-options.js";
import { upgradedWithLoss } from "./errors.js";

interface UpgradeOptions extends OutputOptions {
  readonly dataDir: string;
}

/** `chatter log upgrade` */
export function createUpgradeCommand(): Command {
  const command = new Command("upgrade")
    .summary("convert a log that an older version has written")
    .description(
      "Convert the embedded log in a folder that no server has open to the format of this " +
        "version: sequences, times, senders, message ids and the log's identity are kept, and " +
        "each message is compared. It needs as much disk space again. If it is interrupted, run " +
        "it again. The old files are kept in messages.leveldb/ until you remove them. The " +
        "exit status is 1 if messages were damaged or missing in them.",
    )
    .addOption(
      createSettingOption({ ...logSettings.dataDir, description: "folder of the embedded log" }),
    );
  return addOutputOption(command)
    .addHelpText("after", "\nExamples:\n  chatter log upgrade --data-dir /var/lib/chatter")
    .action(upgrade);
}

async function upgrade({ dataDir, output }: UpgradeOptions): Promise<void> {
  const copied = new Progress("copied", true);
  const checked = new Progress("compared", true);
  let report: UpgradeReport | undefined;
  try {
    report = await upgradeLog(dataDir, {
      copied: (count) => copied.count(count),
      checked: (count) => {
        copied.end();
        checked.count(count);
      },
    });
  } finally {
    copied.end();
    checked.end();
  }
  const printer = createPrinter({ output });
  if (report === undefined) {
    await printer.object({ data_dir: dataDir, upgraded: false });
    return;
  }
  const { identity, first, head, messages, ids, lost, damagedIds, damage } = report;
  const kept = upgradePaths(dataDir).old;
  await printer.object({
    ...{ data_dir: dataDir, upgraded: true, identity, first, head, messages, ids },
    ...{ damaged: lost, damaged_ids: damagedIds, old_files: kept },
  });
  for (const line of damage) {
    process.stderr.write(`chatter: ${line.replace(upgradePaths(dataDir).messages, kept)}\n`);
  }
  const faults = lost.map((range) => `messages ${range.first} to ${range.last}`);
  if (damagedIds > 0) {
    faults.push(`${damagedIds} records of message ids`);
  }
  if (faults.length > 0) {
    throw upgradedWithLoss({ where: kept, faults: faults.join(", ") });
  }
}
