/*
 * Loaded into every server before its own code: reports to the bench, on demand, what the process
 * has used, and ends it when the bench says so or is gone.
 */

/** What a server process has used so far. */
export interface Usage {
  /** CPU time of all its threads, user and system, in microseconds. */
  readonly cpuMicros: number;
  /** Resident memory in bytes. */
  readonly rss: number;
}

process.on("message", (asked) => {
  if (asked === "usage") {
    const { user, system } = process.cpuUsage();
    const usage: Usage = { cpuMicros: user + system, rss: process.memoryUsage.rss() };
    process.send?.(usage);
  } else if (asked === "stop" && !process.emit("SIGTERM")) {
    process.exit(0); // Not by a signal: profiles are written only at a normal exit.
  }
});
process.on("disconnect", () => process.exit(1));
process.channel?.unref();
