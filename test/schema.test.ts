import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { file_chatter } from "../src/gen/chatter_pb.js";
import { tempDir } from "./support/temp-dir.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const buf = join(root, "node_modules", ".bin", "buf");

function runBuf(args: string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(buf, args, { cwd, encoding: "utf8" });
  return { status, output: stdout + stderr };
}

/** A copy of the schema and its settings, to change. */
function copySchema(): string {
  const dir = tempDir();
  cpSync(join(root, "proto"), join(dir, "proto"), { recursive: true });
  cpSync(join(root, "buf.yaml"), join(dir, "buf.yaml"));
  return dir;
}

function edit(dir: string, change: (text: string) => string): void {
  const path = join(dir, "proto", "chatter.proto");
  const text = readFileSync(path, "utf8");
  const changed = change(text);
  expect(changed).not.toBe(text);
  writeFileSync(path, changed);
}

describe("the schema", () => {
  test("passes buf's lint and format", () => {
    expect(runBuf(["lint"], root)).toEqual({ status: 0, output: "" });
    expect(runBuf(["format", "--diff", "--exit-code"], root)).toEqual({ status: 0, output: "" });
  });

  test.each([
    ["a field that is gone", (text: string) => text.replace("  string sender = 5;\n", "")],
    [
      "a field of another type",
      (text: string) => text.replace("uint64 limit = 3", "string limit = 3"),
    ],
    ["a method that is gone", (text: string) => text.replace(/ {2}rpc Echoer.*\n/, "")],
  ])("is held against the one before: %s is a break", (_, change) => {
    const dir = copySchema();
    const against = ["breaking", "--against", root];
    expect(runBuf(against, dir)).toEqual({ status: 0, output: "" });
    edit(dir, change);
    expect(runBuf(against, dir).status).not.toBe(0);
  });

  test("documents every message, field, method and enum value", () => {
    const text = ["chatter.proto", "log.proto"].flatMap((name) =>
      readFileSync(join(root, "proto", name), "utf8").split("\n"),
    );
    const bare = text.filter(
      (line, i) =>
        /^\s*(message|enum|service|rpc|repeated|string|bytes|uint32|uint64|View|google\S+|[A-Z_]+ =)\b.*[;{]/.test(
          line,
        ) && !/^\s*\/\//.test(text[i - 1]!),
    );
    expect(bare).toEqual([]);
  });

  test("is the one that the generated code was made from", () => {
    const { service, messages } = {
      service: file_chatter.services[0]!,
      messages: file_chatter.messages,
    };
    expect(service.typeName).toBe("chatter.v1.ChatterService");
    expect(service.methods.map(({ name, methodKind }) => `${name} ${methodKind}`)).toEqual([
      "Login unary",
      "Post unary",
      "Read unary",
      "Listener client_streaming",
      "Summary client_streaming",
      "Subscribe server_streaming",
      "History server_streaming",
      "Echoer bidi_streaming",
      "Rooms server_streaming",
    ]);
    const text = readFileSync(join(root, "proto", "chatter.proto"), "utf8");
    expect(messages.map(({ name }) => name)).toEqual(
      [...text.matchAll(/^message (\w+)/gm)].map(([, name]) => name),
    );
    expect(readdirSync(join(root, "proto"))).toEqual(["chatter.proto", "log.proto"]);
  });
});
