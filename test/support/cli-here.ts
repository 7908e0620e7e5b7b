import { vi } from "vitest";
import { runChatter } from "../../src/client/cli/program.js";

/**
 * Runs a command inside the test's own process, which is much quicker: for commands that
 * end before they use standard input or a server.
 */
export async function runHere(args: readonly string[], env: Record<string, string> = {}) {
  const output = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      output[name] += text;
      return true;
    }),
  );
  // Nothing of the developer's own settings.
  for (const name of Object.keys(process.env).filter((name) => name.startsWith("CHATTER_"))) {
    vi.stubEnv(name, undefined);
  }
  for (const [name, value] of Object.entries(env)) {
    vi.stubEnv(name, value);
  }
  try {
    return { status: await runChatter(args), ...output };
  } finally {
    for (const spy of spies) {
      spy.mockRestore();
    }
    vi.unstubAllEnvs();
  }
}
