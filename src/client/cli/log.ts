import { Command } from "commander";
import { createExportCommand } from "./log-export.js";
import { createImportCommand } from "./log-import.js";
import { createVerifyCommand } from "./log-verify.js";

/** `chatter log` with `export`, `import` and `verify` */
export function createLogCommand(): Command {
  return new Command("log")
    .description("Export, import and verify the log: backup and restore.")
    .addCommand(createExportCommand())
    .addCommand(createImportCommand())
    .addCommand(createVerifyCommand())
    .addHelpText(
      "after",
      `
Examples:
  chatter log export backup.jsonl
  chatter log import --data-dir /var/lib/chatter backup.jsonl
  chatter log verify --data-dir /var/lib/chatter`,
    );
}
