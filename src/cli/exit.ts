/** The meanings of the program's exit status. */
export const exitStatus = { success: 0, failure: 1, usage: 2, interrupted: 130 } as const;

/** Thrown when Ctrl+C ended the command: nothing more is printed. */
export class Interrupted extends Error {
  constructor() {
    super("interrupted");
    this.name = "Interrupted";
  }
}
