import { Command } from "commander";
import { verifyLog } from "../../server/log/verify-log.js";
import { logSettings } from "../../server/settings/log-settings.js";
import { createSettingOption } from "./admin-options.js";
import { addOutputOption, type OutputOptions } from "./options.js";
import { createPrinter } from "./output.js";

interface VerifyOptions extends OutputOptions {
  readonly dataDir: string;
}

/** `chatter log verify` */
export function createVerifyCommand(): Command {
  const command = new Command("verify")
    .summary("check every record of a log")
    .description(
      "Check every record of the embedded log in a folder that no server has open, and print " +
        "what there is. The exit status is 1 if anything is damaged or missing.",
    )
    .addOption(
      createSettingOption({ ...logSettings.dataDir, description: "folder of the embedded log" }),
    );
  return addOutputOption(command)
    .addHelpText("after", "\nExamples:\n  chatter log verify --data-dir /var/lib/chatter")
    .action(async ({ dataDir, output }: VerifyOptions) => {
      const { damagedIds, ...report } = await verifyLog(dataDir);
      await createPrinter({ output }).object({ ...report, damaged_ids: damagedIds });
      const faults = report.damaged.map(({ first, last }) => `messages ${first} to ${last}`);
      if (damagedIds > 0) {
        faults.push(`${damagedIds} message ids or records of them`);
      }
      if (faults.length > 0) {
        throw new Error(`damaged or missing in ${dataDir}: ${faults.join(", ")}`);
      }
    });
}
