import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

/** The documents of a file of the repository. Fails on whatever YAML does not allow, and on warnings. */
export function readYaml(path: string): unknown[] {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  // A number such as 0440 is an octal one for what reads these files.
  const options = { version: "1.1", merge: true, strict: true, uniqueKeys: true } as const;
  const documents = parseAllDocuments(readFileSync(file, "utf8"), options);
  if (!Array.isArray(documents)) {
    throw new Error(`${path} is empty`);
  }
  return documents.map((document) => {
    const [fault] = [...document.errors, ...document.warnings];
    if (fault) {
      throw new Error(`${path}: ${fault.message}`);
    }
    return document.toJS();
  });
}
