import { Command, Option } from "commander";
import type { GivenSettings } from "../../server/settings/setting.js";
import { type SettingInForce, settingsInForce } from "../../server/settings/settings-in-force.js";
import { createPrinter, escapeControls, type OutputForm, writeOutput } from "./output.js";
import { addSettingOptions, checkGiven, readGiven } from "./serve-settings.js";

/** `chatter config` */
export function createConfigCommand(): Command {
  const command = new Command("config").description(
    "Print the configuration that chatter serve would have with the same flags and variables: " +
      "each setting with its value and where that comes from. Secrets are hidden. Exits with 2 " +
      "if the server would refuse it.",
  );
  return addSettingOptions(command)
    .addOption(
      new Option(
        "--output <form>",
        'a table ("pretty") or one JSON object a line ("jsonl") (default: pretty on a terminal, else jsonl)',
      )
        .env("CHATTER_OUTPUT")
        .choices(["pretty", "jsonl"]),
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
  const given = readGiven(flags, command);
  const inForce = settingsInForce(given.flags, given.variables, given.signingKey);
  if ((output ?? (process.stdout.isTTY ? "pretty" : "jsonl")) === "pretty") {
    await writeOutput(escapeControls(table(inForce)));
  } else {
    const printer = createPrinter({ output });
    for (const setting of inForce) {
      await printer.object(setting);
    }
  }
  checkGiven(given, command);
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
