import { Counter, Histogram, type Registry } from "prom-client";
import type { CommitFigures, LogObserver } from "../log/observer.js";

/** In seconds: from a commit in memory to a disk that hangs. */
const diskBuckets = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];

/** A commit has 4096 messages at most. */
const batchBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/** Metrics of what the log does. */
export class LogMetrics implements LogObserver {
  /** Plain numbers, which the counters read when they are asked: each post changes them. */
  readonly #totals = { appends: 0, messages: 0, bytes: 0, repeats: 0, failures: 0, malformed: 0 };
  readonly #batches: Histogram;
  readonly #commits: Histogram;
  readonly #syncs: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    const totals = this.#totals;
    const counter = (name: string, help: string, total: keyof typeof totals) =>
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(totals[total]);
        },
      });
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name, help, buckets, registers });
    counter(
      "chatter_log_appends_total",
      "Batches of messages that streams have passed to the log.",
      "appends",
    );
    counter("chatter_log_messages_total", "Messages that were stored.", "messages");
    counter("chatter_log_bytes_total", "Bytes of the messages that were stored.", "bytes");
    counter(
      "chatter_log_repeats_total",
      "Messages not stored again because their message_id was known with the same text.",
      "repeats",
    );
    counter(
      "chatter_log_write_failures_total",
      "Failed writes. After each, no messages were accepted for a while.",
      "failures",
    );
    counter(
      "chatter_log_malformed_messages_total",
      "Messages in the NATS stream that are not Chatter's, and are skipped.",
      "malformed",
    );
    this.#batches = histogram(
      "chatter_log_commit_messages",
      "Number of messages per commit.",
      batchBuckets,
    );
    this.#commits = histogram(
      "chatter_log_commit_seconds",
      "Duration of a commit in seconds, from its first message until it is durable.",
      diskBuckets,
    );
    this.#syncs = histogram(
      "chatter_log_sync_seconds",
      "Duration of a commit's write to the disk in seconds, with its fsync.",
      diskBuckets,
    );
  }

  appended(): void {
    this.#totals.appends++;
  }

  repeated(): void {
    this.#totals.repeats++;
  }

  committed({ messages, bytes, durationMs }: CommitFigures): void {
    this.#totals.messages += messages;
    this.#totals.bytes += bytes;
    this.#batches.observe(messages);
    this.#commits.observe(durationMs / 1000);
  }

  synced(durationMs: number): void {
    this.#syncs.observe(durationMs / 1000);
  }

  malformed(count: number): void {
    this.#totals.malformed += count;
  }

  failed(): void {
    this.#totals.failures++;
  }
}
