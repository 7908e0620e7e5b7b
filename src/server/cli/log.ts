import { Command } from "commander";
import { createImportCommand } from "./log-import.js";
import { createUpgradeCommand } from "./log-upgrade.js";
import { createVerifyCommand } from "./log-verify.js";

/**
 * `chatter log` with `import`, `verify`, `upgrade` and `export`.
 *
 * @param exportCommand reads from a running server too, and so needs the client
 */
export function createLogCommand(exportCommand: Command): Command {
  return new Command("log")
    .description("Export, import, verify and upgrade the log: backup, restore, new versions.")
    .addCommand(exportCommand)
    .addCommand(createImportCommand())
    .addCommand(createVerifyCommand())
    .addCommand(createUpgradeCommand())
    .addHelpText(
      "after",
      `
Examples:
  chatter log export backup.jsonl
  chatter log import --data-dir /var/lib/chatter backup.jsonl
  chatter log verify --data-dir /var/lib/chatter
  chatter log upgrade --data-dir /var/lib/chatter`,
    );
}
