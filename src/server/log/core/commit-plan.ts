import type { AppendCall } from "./append-call.js";

/** Consecutive messages of one room in a commit. */
interface Run {
  readonly room: string;
  /** The call of each message, which is the next message of that call. */
  readonly calls: AppendCall[];
  /** Length of each text in UTF-8. */
  readonly textBytes: number[];
}

/**
 * The order of the messages in a commit. Messages of one room are grouped, as far as the order
 * within each call allows: a record has messages of only one room, so larger groups make fewer
 * records.
 */
export class CommitPlan {
  readonly runs: Run[] = [];
  /** The last run of each room, once there are several. */
  readonly #lastOf = new Map<string, number>();

  /**
   * Adds the next message of a call and returns its run.
   *
   * @param earliest the run of the call's previous message
   */
  add(call: AppendCall, room: string, textBytes: number, earliest: number): number {
    const { runs } = this;
    const at = this.#lastOf.get(room) ?? -1;
    if (at < earliest || at < 0) {
      // With one element from the beginning, an array has no space for more that most rooms lack.
      this.#lastOf.set(room, runs.length);
      return runs.push({ room, calls: [call], textBytes: [textBytes] }) - 1;
    }
    const run = runs[at]!;
    run.calls.push(call);
    run.textBytes.push(textBytes);
    return at;
  }
}
