import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import {
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  type StreamInfo,
} from "@nats-io/jetstream";
import { openError } from "./log-errors.js";
import type { NatsLink } from "./nats-link.js";
import { NatsStream } from "./nats-stream.js";
import {
  largestMessageBytes,
  type NatsStreamOptions,
  streamConfig,
  streamFlaws,
} from "./nats-stream-config.js";

/** Time for one question to JetStream, in milliseconds. */
const requestMs = 2000;
const pauseMs = 250;

/** What JetStream says when … */
const apiErrors = {
  /** … it has no such stream */
  streamNotFound: 10059,
  /** … there is one of that name, with other settings */
  streamNameInUse: 10058,
  /** … there are not enough nodes, which may be starting still */
  noPeers: 10005,
  /** … more than one replica is asked of a server that is in no cluster */
  replicasWithoutCluster: 10074,
};

/**
 * Finds the stream, makes it if it is absent, checks it if it is there. Tries for
 * `timeoutMs`, as a cluster that has just started needs a while.
 *
 * Rejects with `failed_precondition` and one line: what is wrong with the stream that is
 * there, or why none can be made.
 */
export async function openStream(
  link: NatsLink,
  options: NatsStreamOptions,
  timeoutMs: number,
): Promise<NatsStream> {
  const { max_payload = 0 } = link.connection.info ?? {};
  if (max_payload < largestMessageBytes) {
    throw openError(
      `NATS takes no more than ${max_payload} bytes a message: set max_payload to ${largestMessageBytes} or more`,
    );
  }
  const manager = await jetstreamManager(link.connection, { checkAPI: false, timeout: requestMs });
  const end = Date.now() + timeoutMs;
  for (;;) {
    try {
      const info = (await find(manager, options.stream)) ?? (await make(manager, options));
      const flaws = streamFlaws(info.config, options);
      if (flaws !== undefined) {
        throw openError(`the stream "${options.stream}" of NATS cannot be the log: ${flaws}`);
      }
      return new NatsStream(link, manager, info);
    } catch (error) {
      if (!isPassing(error) || Date.now() + pauseMs > end) {
        throw error instanceof ConnectError ? error : unusableError(options, error as Error);
      }
      await sleep(pauseMs);
    }
  }
}

async function find(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === apiErrors.streamNotFound) {
      return undefined;
    }
    throw error;
  }
}

async function make(manager: JetStreamManager, options: NatsStreamOptions): Promise<StreamInfo> {
  // A subject that no other stream ever had: who still posts to a stream that was deleted
  // does not post to the one that was made in its place.
  const subject = `${options.stream}.${randomBytes(6).toString("base64url")}`;
  const replicas = options.replicas ?? 3;
  try {
    return await manager.streams.add(streamConfig(options, subject, replicas));
  } catch (error) {
    if (isAlone(error) && options.replicas === undefined) {
      return make(manager, { ...options, replicas: 1 });
    }
    if (error instanceof JetStreamApiError && error.code === apiErrors.streamNameInUse) {
      return manager.streams.info(options.stream); // Another server was quicker.
    }
    throw error;
  }
}

/** Whether trying again may help: not if JetStream has understood and said no. */
function isPassing(error: unknown): boolean {
  if (error instanceof JetStreamApiError) {
    return error.code === apiErrors.noPeers || (error.status >= 500 && !isAlone(error));
  }
  return !(error instanceof ConnectError);
}

/** Whether more than one replica is asked of a server that is in no cluster. */
function isAlone(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === apiErrors.replicasWithoutCluster;
}

function unusableError({ stream, replicas = 3 }: NatsStreamOptions, error: Error): ConnectError {
  const hint =
    isAlone(error) || (error instanceof JetStreamApiError && error.code === apiErrors.noPeers)
      ? `: ${replicas} replicas need as many nodes with JetStream, see --nats-replicas`
      : "";
  return openError(`the stream "${stream}" of NATS cannot be used: ${error.message}${hint}`, error);
}
