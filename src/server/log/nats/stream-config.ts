import {
  DiscardPolicy,
  PersistMode,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import type { RetentionOptions } from "../core/retention.js";
import { baseOf, wildcardOf } from "./room-subjects.js";

/** The wanted configuration of the stream. */
export interface NatsStreamOptions {
  /** The stream's name. */
  readonly stream: string;
  /**
   * Number of nodes that store it. Default: 3 in a cluster, else 1; an existing stream keeps its
   * own.
   */
  readonly replicas?: number;
  /** Default: "file"; an existing stream keeps its own. */
  readonly storage?: "file" | "memory";
  /** What is kept. Default: everything; an existing stream keeps its own. */
  readonly retention: RetentionOptions;
  /** How long message ids are remembered, in milliseconds. */
  readonly dedupeMs: number;
}

/** Space for the longest text, its sender, and what NATS adds to them. */
export const largestMessageBytes = 72 * 1024;

/**
 * The configuration of a new stream.
 *
 * @param subject the subject of the room `main`
 */
export function streamConfig(
  options: NatsStreamOptions,
  subject: string,
  replicas: number,
): Partial<StreamConfig> & { name: string } {
  const { maxAgeMs, maxMessages, maxBytes } = options.retention;
  return {
    name: options.stream,
    description: "The log of Chatter, see its docs/scaling.md",
    subjects: [subject, wildcardOf(subject)],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    storage: options.storage === "memory" ? StorageType.Memory : StorageType.File,
    num_replicas: replicas,
    max_age: nanos(maxAgeMs ?? 0),
    max_msgs: maxMessages ?? -1,
    max_bytes: maxBytes ?? -1,
    duplicate_window: nanos(options.dedupeMs),
    deny_delete: true,
    allow_direct: true,
    allow_atomic: true, // Versions before 2.12 do not know it.
  };
}

/**
 * The configuration of the stream beside the log's to which quorum probes are published: it is
 * stored where the log is, and keeps one empty message.
 */
export function probeConfig(log: StreamConfig): Partial<StreamConfig> & { name: string } {
  return {
    name: probeStreamOf(log.name),
    description: "Shows Chatter whether NATS has a quorum, see its docs/nats.md",
    subjects: [probeSubjectOf(log.name)],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    storage: log.storage,
    num_replicas: log.num_replicas,
    placement: log.placement,
    max_msgs: 1,
  };
}

/** The name of that stream. */
export function probeStreamOf(stream: string): string {
  return `${stream}-probe`;
}

/**
 * Its subject. No log of Chatter has this subject: there, the part after the dot has eight
 * characters.
 */
export function probeSubjectOf(stream: string): string {
  return `${stream}.probe`;
}

/** An invalid setting of a stream: its name, its value, and what is right and why. */
interface Flaw {
  readonly setting: string;
  readonly is: unknown;
  readonly right: string;
}

/**
 * What is wrong with an existing stream, in one line; undefined if nothing is. Some settings would
 * break what Chatter promises, others contradict flags of this server.
 */
export function streamFlaws(config: StreamConfig, options: NatsStreamOptions): string | undefined {
  return textOf([...brokenPromises(config), ...contradictions(config, options)]);
}

/** The settings among these that would break what Chatter promises. */
export function promiseFlaws(config: StreamConfig): string | undefined {
  return textOf([...brokenPromises(config)]);
}

function textOf(flaws: readonly Flaw[]): string | undefined {
  if (flaws.length === 0) {
    return undefined;
  }
  const texts = flaws.map(
    ({ setting, is, right }) => `${setting} is ${JSON.stringify(is)}: it must be ${right}`,
  );
  return texts.join("; ");
}

function* brokenPromises(config: StreamConfig): Generator<Flaw> {
  const { subjects = [], max_msg_size = -1 } = config;
  const base = baseOf(subjects);
  if (config.mirror !== undefined || (config.sources ?? []).length > 0) {
    yield { setting: "mirror or sources", is: "set", right: "absent, Chatter alone posts to it" };
  }
  if (base === undefined) {
    yield {
      setting: "subjects",
      is: subjects,
      right: 'one subject without wildcards, and the same with ".>" for rooms',
    };
  } else if (subjects.length > 1 && !config.allow_direct) {
    yield { setting: "allow_direct", is: false, right: "true, rooms are read that way" };
  }
  if (config.subject_transform !== undefined) {
    yield { setting: "subject_transform", is: "set", right: "absent, each room has its subject" };
  }
  if (config.retention !== RetentionPolicy.Limits) {
    yield {
      setting: "retention",
      is: config.retention,
      right: '"limits", reading removes nothing',
    };
  }
  if (config.discard !== DiscardPolicy.Old) {
    yield {
      setting: "discard",
      is: config.discard,
      right: '"old", or a full stream accepts no posts',
    };
  }
  if (limits(config.max_msgs_per_subject)) {
    yield {
      setting: "max_msgs_per_subject",
      is: config.max_msgs_per_subject,
      right: "-1, a room has many messages",
    };
  }
  if (limits(config.max_consumers)) {
    yield { setting: "max_consumers", is: config.max_consumers, right: "-1, each server has some" };
  }
  if (limits(max_msg_size) && max_msg_size < largestMessageBytes) {
    yield { setting: "max_msg_size", is: max_msg_size, right: `-1 or ${largestMessageBytes}` };
  }
  if (config.no_ack) {
    yield { setting: "no_ack", is: true, right: "false, or it is unknown what is stored" };
  }
  if (config.sealed) {
    yield { setting: "sealed", is: true, right: "false, or it accepts no posts" };
  }
  if (!config.deny_delete) {
    yield { setting: "deny_delete", is: false, right: "true, a log has no gaps" };
  }
  if (config.allow_rollup_hdrs) {
    yield { setting: "allow_rollup_hdrs", is: true, right: "false, no post removes others" };
  }
  if (config.persist_mode === PersistMode.Async) {
    yield {
      setting: "persist_mode",
      is: config.persist_mode,
      right: '"default", or what was answered can be lost',
    };
  }
}

function* contradictions(config: StreamConfig, options: NatsStreamOptions): Generator<Flaw> {
  const { replicas, storage, retention, dedupeMs } = options;
  const age = retention.maxAgeMs;
  const wanted: [setting: string, is: unknown, right: unknown, flag: string][] = [
    [
      "duplicate_window",
      seconds(config.duplicate_window),
      `${dedupeMs / 1000}s`,
      "--dedupe-window",
    ],
    ["num_replicas", config.num_replicas, replicas, "--nats-replicas"],
    ["storage", config.storage, storage, "--nats-storage"],
    ["max_age", seconds(config.max_age), age && `${age / 1000}s`, "--retain-seconds"],
    ["max_msgs", config.max_msgs, retention.maxMessages, "--retain-messages"],
    ["max_bytes", config.max_bytes, retention.maxBytes, "--retain-bytes"],
  ];
  for (const [setting, is, right, flag] of wanted) {
    if (right !== undefined && is !== right) {
      yield { setting, is, right: `${JSON.stringify(right)}, as ${flag} says` };
    }
  }
}

function seconds(nanoseconds: number): string {
  return `${nanoseconds / 1e9}s`;
}

/** Whether a number is a limit: 0 and -1 mean no limit. */
function limits(value: number | undefined): boolean {
  return value !== undefined && value > 0;
}
