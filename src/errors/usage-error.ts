/**
 * Wrong usage of a command, or a wrong setting. Nothing was done, and the exit status is 2.
 * Commander's own errors quote what was given; these need not, because it may be a secret.
 */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}
