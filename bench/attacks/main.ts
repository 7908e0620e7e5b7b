import { cpus } from "node:os";
import type { Build } from "../build.js";
import { type Attack, aims } from "./attack.js";
import { abandonTrials, runTrial, type Trial } from "./trial.js";

/** The results as they are written: `--json FILE`. */
export interface AttackReport {
  readonly machine: string;
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly trials: readonly Trial[];
}

export interface AttackOptions {
  readonly build: Build;
  /** Shorter: 2, 5 and 3 seconds in place of 4, 15 and 30. */
  readonly quick: boolean;
  readonly progress: (text: string) => void;
}

/** Runs attacks, each on a server of its own. */
export async function runAttacks(
  attacks: readonly Attack[],
  { build, quick, progress }: AttackOptions,
): Promise<AttackReport> {
  const seconds = quick ? [2, 5, 3] : [4, 15, 30];
  const [before, during, after] = seconds.map((s) => s * 1000) as [number, number, number];
  const trials: Trial[] = [];
  try {
    for (const attack of attacks) {
      progress(`attack ${trials.length + 1} of ${attacks.length}: ${attack.name}`);
      trials.push(await runTrial(attack, build, { before, during, after }));
    }
  } finally {
    abandonTrials();
  }
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  return {
    machine: `${cpus().length} × ${model}, Node ${process.versions.node}, ${process.platform}`,
    date: new Date().toISOString(),
    trials,
  };
}

/** The table of docs/security.md. */
export function attackTable({ trials }: AttackReport): string {
  const rows = trials.map(({ title, withToken, before, during, after, rssMiB, lost }) => [
    title,
    withToken ? "yes" : "no",
    ...[before, during, after].map(({ p50, p99, failures }) =>
      failures > 0 ? `${p50} / ${p99}, ${failures} failed` : `${p50} / ${p99}`,
    ),
    lost ?? `${rssMiB.before} / ${rssMiB.most} / ${rssMiB.after}`,
  ]);
  return [
    ["attack", "token", "before", "during", "after", "RSS, MiB"],
    ["---", "---", "---", "---", "---", "---"],
    ...rows,
  ]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

/** The trials in which the server failed, or a bystander was not served at all. */
export function lostTrials({ trials }: AttackReport): Trial[] {
  return trials.filter(
    ({ lost, during, after, withToken, rssMiB }) =>
      lost !== undefined ||
      during.failures + after.failures > 0 ||
      (!withToken && rssMiB.after - rssMiB.before > 4 * aims.withoutToken.rssMiB),
  );
}
