import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { errorsOf, errorsPage, sections } from "../../scripts/errors-page.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && !name.startsWith("gen"))
  .map((name) => ({ name, text: readFileSync(join(root, "src", name), "utf8") }));

/**
 * Exempt: one file makes the errors that others define; the errors of the other never reach a user.
 */
const exempt = ["cli/invalid-value.ts", "server/encoding/stored-message.ts"];

const definitions =
  /\bdefine(Error|Failure|UsageError|InvalidValue|Refusal|HandshakeRefusal|TunnelFault)\(/g;

test("docs/errors.md is what the sources say: npm run generate", async () => {
  expect(readFileSync(join(root, "docs/errors.md"), "utf8")).toBe(await errorsPage());
});

test("the page has every file named errors.ts", () => {
  const files = sources.map(({ name }) => name).filter((name) => name.endsWith("/errors.ts"));
  const listed = sections.flatMap(({ folders }) => folders.map((folder) => `${folder}/errors.ts`));
  expect(listed.sort()).toEqual(files.sort());
});

test("errors are defined in these files alone, and each is exported", async () => {
  const stray = sources
    .filter(({ name, text }) => !name.endsWith("errors.ts") && definitions.test(text))
    .map(({ name }) => name);
  expect(stray).toEqual([]);
  const defined = sources
    .filter(({ name }) => name.endsWith("/errors.ts"))
    .flatMap(({ text }) => [...text.matchAll(definitions)]);
  const found = await Promise.all(sections.map(errorsOf));
  expect(found.flat()).toHaveLength(defined.length);
});

test("no other file makes an error of a call", () => {
  const made = /new ConnectError\(|extends CallError[\s\S]*\bsuper\(["'`]/;
  const stray = sources
    .filter(({ name, text }) => name !== "errors/define.ts" && made.test(text))
    .map(({ name }) => name);
  expect(stray).toEqual([]);
});

test("no other file has the text of an error of settings, options or usage", () => {
  const raw =
    /new (Type|Range|Usage|InvalidArgument)Error\(\s*["'`]|\.error\(\s*["'`]error: [^$]|stderr\.write\(\s*["'`]chatter: cannot/;
  const stray = sources
    .filter(({ name, text }) => !exempt.includes(name) && raw.test(text))
    .map(({ name }) => name);
  expect(stray).toEqual([]);
});

test("each error has a text, and sentences for its cause and its remedy", async () => {
  const found = await Promise.all(sections.map(errorsOf));
  const wrong = found.flat().filter(({ text, cause, remedy }) => {
    const areSentences = [cause, remedy].every((part) => /^[A-Z`"'\d].*[.!]$/s.test(part));
    return text === "" || /[.\n]$/.test(text) || !areSentences;
  });
  expect(wrong.map(({ text }) => text)).toEqual([]);
});
