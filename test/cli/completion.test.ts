import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runHere } from "../support/cli-here.js";
import { needProgram } from "../support/need-program.js";
import { tempDir } from "../support/temp-dir.js";

/** How each shell reports its completions of the last word. */
const shells: Record<string, (script: string, words: readonly string[]) => string> = {
  bash: (script, words) => `
    source ${script}
    COMP_WORDS=(${words.join(" ")} ${words.at(-1) === "" ? "''" : ""})
    COMP_CWORD=${words.length - 1}
    _chatter
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  // Its own functions work only inside its line editor.
  zsh: (script, words) => `
    compdef() { :; }
    compadd() { shift; print -l -- "$@"; }
    _describe() { print -l -- "\${items[@]%%:*}"; }
    _files() { print -l "(files $*)"; }
    source ${script}
    words=(${words.map((word) => `'${word}'`).join(" ")})
    CURRENT=${words.length}
    _chatter`,
  fish: (script, words) => `
    source ${script}
    complete -C '${words.join(" ")}' | string split -f 1 \\t; true`,
};

/** In place of the command: rooms whose names begin with "te", and nothing for all else. */
const chatter = `#!/bin/sh
if [ "$*" = "rooms --prefix te --output text" ]; then
  echo "room=team/alpha messages=1 last_sequence=1"
  echo "room=test messages=2 last_sequence=3"
fi
`;

/** What a shell offers after these words, of which the last is begun. */
function offered(shell: string, script: string, ...words: string[]): string[] {
  const code = shells[shell]!(script, ["chatter", ...words]);
  const cwd = tempDir();
  writeFileSync(join(cwd, "a-file"), "");
  writeFileSync(join(cwd, "chatter"), chatter, { mode: 0o755 });
  const out = execFileSync(shell, ["-c", code], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, HOME: cwd, PATH: `${cwd}:${process.env.PATH}` },
  });
  return out.split("\n").filter((line) => line.startsWith(words.at(-1)!) && line !== "");
}

test.for(Object.keys(shells))(
  "%s completes commands, options and values",
  async (shell, context) => {
    needProgram(shell, context);
    const { status, stdout } = await runHere(["completion", shell]);
    expect(status).toBe(0);
    const script = join(tempDir(), `chatter.${shell}`);
    writeFileSync(script, stdout);
    execFileSync(shell, ["-n", script]);

    expect(offered(shell, script, "hi")).toEqual(["history"]);
    expect(offered(shell, script, "")).toEqual(expect.arrayContaining(["serve", "chat", "log"]));
    expect(offered(shell, script, "log", "ex")).toEqual(["export"]);
    expect(offered(shell, script, "history", "--la")).toEqual(["--last"]);
    expect(offered(shell, script, "history", "--last", "3", "--vi")).toEqual(["--view"]);
    expect(offered(shell, script, "history", "--view", "")).toEqual(["default", "tiny"]);
    expect(offered(shell, script, "subscribe", "--protocol", "grpc-")).toEqual(["grpc-web"]);
    expect(offered(shell, script, "completion", "")).toEqual(
      expect.arrayContaining(["bash", "zsh", "fish"]),
    );
    for (const command of ["history", "chat", "post"]) {
      expect(offered(shell, script, command, "--room", "te")).toEqual(["team/alpha", "test"]);
    }
    expect(offered(shell, script, "history", "--room", "te", "--vi")).toEqual(["--view"]);
    // Nobody can know a name, but the name of a command is not one either.
    expect(offered(shell, script, "login", "--user", "h")).toEqual([]);
  },
);

test("another shell is refused", async () => {
  const { status, stderr } = await runHere(["completion", "tcsh"]);
  expect(status).toBe(2);
  expect(stderr).toContain("bash, zsh, fish");
});
