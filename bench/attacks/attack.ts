/** Where an attack goes, and as whom. */
export interface Target {
  readonly port: number;
  /** Of the attacker's own account. */
  readonly token: string;
}

/** What somebody does to the server, from one address. */
export interface Attack {
  readonly name: string;
  /** What it does, for the table. */
  readonly title: string;
  /** Whether it needs a valid token. */
  readonly withToken: boolean;
  /** Goes on until the signal aborts, whatever the server does. Rejects for a fault of its own alone. */
  run(target: Target, signal: AbortSignal): Promise<void>;
}

/** What a bystander may wait at the most, and what the server may hold beyond what it held before. */
export const aims = {
  withoutToken: { p99Ms: 100, rssMiB: 64 },
  withToken: { p99Ms: 250 },
} as const;
