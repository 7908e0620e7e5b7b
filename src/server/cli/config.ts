import { Command, Option } from "commander";
import { describeFailure } from "../../cli/failure.js";
import { type OutputForm, outputForms } from "../../cli/options.js";
import { createPrinter, visibleLines, writeOutput } from "../../cli/output.js";
import type { GivenSettings } from "../settings/setting.js";
import { type SettingInForce, settingsInForce } from "../settings/settings-in-force.js";
import { addSettingOptions, checkGiven, readGiven } from "./serve-settings.js";

/** `chatter config` */
export function createConfigCommand(): Command {
  const command = new Command("config").description(
    "Print the configuration that chatter serve would have with the same flags and variables: " +
      "each setting with its value and where that comes from. Secrets are hidden. Exits with 2 " +
      "if the server would refuse it, or a file that it names.",
  );
  return addSettingOptions(command)
    .addOption(
      new Option(
        "--output <form>",
        'a table ("pretty", "text") or one JSON object a line ("jsonl") (default: pretty on a terminal, else jsonl)',
      )
        .env("CHATTER_OUTPUT")
        .choices(outputForms),
    )
    .addHelpText(
      "after",
      `
Examples:
  chatter config --demo
  chatter config --demo --output jsonl | jq -r 'select(.source != "default") | .variable'`,
    )
    .action(config);
}

interface ConfigOptions {
  readonly output?: OutputForm;
}

async function config(
  { output, ...flags }: ConfigOptions & GivenSettings,
  command: Command,
): Promise<void> {
  const given = readGiven(flags);
  const inForce = settingsInForce(given.flags, given.variables, given.signingKey);
  if ((output ?? (process.stdout.isTTY ? "pretty" : "jsonl")) !== "jsonl") {
    await writeOutput(visibleLines(table(inForce)));
  } else {
    const printer = createPrinter({ output });
    for (const setting of inForce) {
      await printer.object(setting);
    }
  }
  const { checkFiles } = await import("../program/check-files.js");
  await checkFiles(checkGiven(given)).catch((error: unknown) =>
    command.error(`error: ${describeFailure(error)}`),
  );
}

function table(inForce: readonly SettingInForce[]): string {
  const rows = inForce.map(({ flag, variable, value, source }) => [
    flag ?? "",
    variable,
    source,
    value === null ? "" : JSON.stringify(value),
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
