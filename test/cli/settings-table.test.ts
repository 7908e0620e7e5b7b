import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { settings } from "../../src/server/settings/settings.js";

/** The rows of the table under "## Settings". */
function documented(): string[] {
  const docs = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const [, section = ""] = /\n## Settings\n(.*?)(?:\n## |$)/s.exec(docs) ?? [];
  return section.split("\n").filter((line) => line.startsWith("| `"));
}

test("docs/operations.md has each setting's flag, variable, default and meaning, as --help has", () => {
  const rows = Object.values(settings).map(
    ({ flag, variable, default: usual, description }) =>
      `| \`${flag.replaceAll("|", "\\|")}\` | \`${variable}\` | ${usual ?? "–"} | ${description} |`,
  );
  expect(documented()).toEqual(rows);
});
