import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { describe, expect, onTestFinished } from "vitest";
import { chatterBin, cliEnv } from "./cli.js";
import { TerminalGrid } from "./terminal-grid.js";

/** util-linux's script gives a command a terminal. */
const hasScript = spawnSync("script", ["--version"]).status === 0;

const isSkipped = !hasScript && process.env.CHATTER_TEST_REQUIRE_ALL === undefined;
if (isSkipped) {
  console.warn("skipped: util-linux's script is not here, which the terminal's tests need");
}

/** A `describe` whose tests need terminals. */
export const describeOnTerminal = describe.skipIf(isSkipped);

export interface TerminalOptions {
  readonly env?: Record<string, string>;
  /** Default: 80. */
  readonly columns?: number;
  /** A shell's command whose output goes into a pipe to the command. Default: the terminal. */
  readonly fedBy?: string;
}

/** A command on a terminal of its own, with its errors there too. */
export interface CliTerminal {
  type(text: string): void;
  /** Resolves when the text is in what was written, control sequences and all. */
  shows(text: string): Promise<void>;
  /** What is on the screen now, row by row, without what is empty at the end. */
  screen(): string[];
  /** Everything that was written so far. */
  written(): string;
  /** Makes the terminal this many columns wide; resolves when the command has drawn anew. */
  resize(columns: number): Promise<void>;
  /** Sends the command a signal; not if it is fed. */
  signal(name: NodeJS.Signals): void;
  ended(): Promise<{ status: number; shown: string }>;
}

/** Runs a command on a terminal; killed after the test. */
export function openTerminal(
  args: readonly string[],
  { env = {}, columns = 80, fedBy }: TerminalOptions = {},
): CliTerminal {
  const command = [process.execPath, chatterBin, ...args].map((word) => `'${word}'`).join(" ");
  // The first line says which terminal it is, and which process.
  const script = `echo $(tty) $$; stty columns ${columns} rows 100; ${fedBy ? `(${fedBy}) | ${command}` : `exec ${command}`}`;
  const child = spawn("script", ["--quiet", "--return", "--command", script, "/dev/null"], {
    env: cliEnv({ TERM: "xterm", SHELL: "/bin/sh", ...env }),
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const grid = new TerminalGrid(columns);
  let device = "";
  let pid = 0;
  let shown = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    if (device === "" && shown.includes("\r\n")) {
      const end = shown.indexOf("\r\n");
      device = shown.slice(0, shown.indexOf(" "));
      pid = Number(shown.slice(device.length, end));
      shown = shown.slice(end + 2);
      grid.write(shown);
    } else if (device !== "") {
      grid.write(text);
    }
  });
  const closed = once(child, "close");
  return {
    type: (text) => void child.stdin.write(text),
    shows: (text) => expect.poll(() => shown, { timeout: 10_000 }).toContain(text),
    screen: () => grid.lines(),
    written: () => shown,
    async resize(columns) {
      grid.resize(columns);
      const { length } = shown;
      spawnSync("stty", ["-F", device, "columns", String(columns)]);
      await expect.poll(() => shown.length, { timeout: 10_000 }).toBeGreaterThan(length);
    },
    signal: (name) => void process.kill(pid, name),
    async ended() {
      const [status] = await closed;
      return { status, shown };
    },
  };
}

/** A chat on a terminal; its screen is given without the times, which take six columns of a row. */
export function openChatTerminal(args: readonly string[], options: TerminalOptions): CliTerminal {
  const terminal = openTerminal(args, options);
  const screen = () => terminal.screen().map((row) => row.replace(/^\d\d:\d\d /, ""));
  return { ...terminal, screen };
}
