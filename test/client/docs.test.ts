import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { tempDir } from "../support/temp-dir.js";

const page = readFileSync(new URL("../../docs/clients.md", import.meta.url), "utf8");
const library = new URL("../../src/client/node.ts", import.meta.url).href;

/** What each example of the page prints, by its heading. */
const expected: readonly (readonly [heading: string, output: RegExp])[] = [
  ["The client library", /^$/],
  ["Tokens", /^$/],
  [
    "Reading new messages",
    /^connecting\nlive\n(\d+n goa hello\n)*\d+n goa goodbye\nclosed\nread up to \S{16}\n$/,
  ],
  ["Reading new messages", /^(hello\n)*goodbye\n$/],
  ["Posting", /^\d+n \S{16}\n$/],
  ["Posting", /^\d+n \S{16}\n$/],
  ["Posting", /^$/],
  ["Rooms", /^team\/alpha hello, alpha\nmain \d+n \d+n\nteam\/alpha 1n \d+n\n$/],
  ["Reading stored messages", /^1n m1\n2n m2\n/],
  ["Reading stored messages", /^\[\n {2}'m1',/],
  ["Reading stored messages", /^((m\d+|hello|goodbye)\n){50}$/],
  ["Reading stored messages", /^\[\n(.*\n)+\[ ('(hello|goodbye)',? )+\]\n$/],
  ["What is final", /^read the history again: .*\n$/],
  ["Results as JSON, and times", /^\{"message":"\w+",.*\}\n.+\n$/],
  ["The generated client", /^2n \d+n\n$/],
];

test("the examples of the page run and print what they should", async () => {
  const server = await startChatter();
  await fill(server.log, numbered(250));
  const tokens = createServer((_, response) => response.end(server.token)).listen(0, "127.0.0.1");
  onTestFinished(() => {
    tokens.close();
  });
  await once(tokens, "listening");
  const { port } = tokens.address() as AddressInfo;

  const examples = examplesOf(page);
  expect(examples.map(({ heading }) => heading)).toEqual(expected.map(([heading]) => heading));
  const dir = tempDir();
  writeFileSync(join(dir, "lines.txt"), "one\ntwo\n");
  const chatter = `createChatterClient({ url: "${server.url}", auth: { token: "${server.token}" } })`;
  // So that an example that only makes a client shows that it works, too.
  const use = "for await (const _ of chatter.history({ limit: 1 })) {}";
  const script = [
    `import { createReadStream } from "node:fs";`,
    `import { readFile, writeFile } from "node:fs/promises";`,
    `import { createInterface } from "node:readline";`,
    `import { Code, ConnectError, createChatterClient } from "${library}";`,
    `import { timestampDate } from "${import.meta.resolve("@bufbuild/protobuf/wkt")}";`,
    // Somebody says hello, and then goodbye, again and again.
    `const other = ${chatter};`,
    `const posting = other.publisher();`,
    `let i = 0;`,
    `const timer = setInterval(() => posting.post(i++ % 3 ? "hello" : "goodbye"), 50);`,
    ...examples.map(({ code }) => {
      const own = code.includes("const chatter =") ? "" : `const chatter = ${chatter};\n`;
      return `await (async () => {\n${own}${code}\n${use}\nchatter.close();\n})();\nconsole.log("-----");`;
    }),
    `clearInterval(timer);`,
    `await posting.close();`,
  ].join("\n");
  const file = join(dir, "examples.mts");
  writeFileSync(
    file,
    script
      .replaceAll(/^import .* from "(chatter|@bufbuild\/protobuf\/wkt)";\n/gm, "")
      .replaceAll("http://localhost:8080", server.url)
      .replaceAll("http://localhost:9090", `http://127.0.0.1:${port}`)
      .replaceAll("console.error(state", "console.log(state"),
  );

  const tsx = import.meta.resolve("tsx");
  const child = spawn(process.execPath, ["--import", tsx, file], {
    cwd: dir,
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  const [code] = await once(child, "close");
  expect(errors).toBe("");
  expect(code).toBe(0);
  const outputs = output.split("-----\n");
  for (const [index, [, pattern]] of expected.entries()) {
    expect(outputs[index]).toMatch(pattern);
  }
});

/** The blocks of code of a page, each with the heading of second order that it stands under. */
function examplesOf(markdown: string): { heading: string; code: string }[] {
  const examples: { heading: string; code: string }[] = [];
  let heading = "";
  for (const [, title, code] of markdown.matchAll(/^##? (.+)$|^```ts\n([\s\S]*?)^```$/gm)) {
    if (title !== undefined) {
      heading = title;
    } else if (code !== undefined) {
      examples.push({ heading, code });
    }
  }
  return examples;
}
