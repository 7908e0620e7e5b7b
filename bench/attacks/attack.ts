/** Where an attack goes, and as whom. */
export interface Target {
  readonly port: number;
  /** Of the attacker's own account. */
  readonly token: string;
}

/** What an attacker does to the server, from one address. */
export interface Attack {
  readonly name: string;
  /** A description, for the table. */
  readonly title: string;
  /** Whether it needs a valid token. */
  readonly withToken: boolean;
  /**
   * Continues until the signal aborts, whatever the server does. Rejects only for faults of its
   * own.
   */
  run(target: Target, signal: AbortSignal): Promise<void>;
}

/**
 * How long a bystander may wait at most, and how much more memory the server may hold than before.
 */
export const aims = {
  withoutToken: { p99Ms: 100, rssMiB: 64 },
  withToken: { p99Ms: 250 },
} as const;
