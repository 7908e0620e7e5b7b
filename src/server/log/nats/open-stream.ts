import { randomBytes } from "node:crypto";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { ConnectError } from "@connectrpc/connect";
import {
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  type StreamInfo,
} from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import { apiErrors, isForbidden } from "./api-errors.js";
import {
  missingStream,
  probeForbidden,
  roomsForbidden,
  smallPayload,
  unfitStream,
  unusableStream,
} from "./errors.js";
import { directSubjectOf } from "./read/direct-gets.js";
import { wildcardOf } from "./room-subjects.js";
import type { NatsSession } from "./session.js";
import { NatsStream } from "./stream.js";
import {
  largestMessageBytes,
  type NatsStreamOptions,
  streamConfig,
  streamFlaws,
} from "./stream-config.js";
import { checkNatsVersion } from "./version.js";

/** Time limit for one request to JetStream, in milliseconds. */
const requestMs = 2000;
const pauseMs = 250;

/**
 * Finds the stream and checks it, or creates it. Tries for `timeoutMs`, because a cluster that has
 * just started needs a while.
 *
 * Rejects with `failed_precondition` and one line: what is wrong with the existing stream, why none
 * can be created, or that a nats-server is too old.
 */
export async function openStream(
  session: NatsSession,
  options: NatsStreamOptions,
  timeoutMs: number,
): Promise<NatsStream> {
  const { max_payload = 0, version } = session.connection.info ?? {};
  checkNatsVersion(version);
  if (max_payload < largestMessageBytes) {
    throw smallPayload({ most: max_payload, needed: largestMessageBytes });
  }
  const manager = await jetstreamManager(session.connection, {
    checkAPI: false,
    timeout: requestMs,
  });
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      const info = (await find(manager, options.stream)) ?? (await make(manager, options));
      // The node that leads the stream answers: not always the node of the connection.
      checkNatsVersion(info.config.metadata?.["_nats.ver"] ?? "before 2.11");
      const flaws = streamFlaws(info.config, options);
      if (flaws !== undefined) {
        throw unfitStream({ stream: options.stream, flaws });
      }
      const stream = new NatsStream(session, manager, info);
      await openProbe(stream);
      if (stream.config.subjects.length > 1) {
        await stream.findSubjects().catch(() => {}); // It is checked again later.
        await checkRoomRights(session, stream);
      }
      return stream;
    } catch (error) {
      if (!isPassing(error) || performance.now() + pauseMs > end) {
        throw error instanceof ConnectError ? error : unusableError(options, error as Error);
      }
      await sleep(pauseMs);
    }
  }
}

/**
 * Finds an existing stream for reading only: it is neither created nor checked. Rejects with
 * `failed_precondition` and one line if there is none, or if JetStream does not answer.
 */
export async function findStream(session: NatsSession, name: string): Promise<NatsStream> {
  checkNatsVersion(session.connection.info?.version);
  const manager = await jetstreamManager(session.connection, {
    checkAPI: false,
    timeout: requestMs,
  });
  let info: StreamInfo | undefined;
  try {
    info = await find(manager, name);
  } catch (error) {
    throw unusableError({ stream: name }, error as Error);
  }
  if (info === undefined) {
    throw missingStream({ stream: name });
  }
  return new NatsStream(session, manager, info);
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
  // A subject that no other stream ever had: a server that still posts to a deleted stream does not
  // post to the one that replaced it.
  const subject = `${options.stream}.${randomBytes(6).toString("base64url")}`;
  const replicas = options.replicas ?? 3;
  try {
    return await manager.streams.add(streamConfig(options, subject, replicas));
  } catch (error) {
    if (isAlone(error) && options.replicas === undefined) {
      return make(manager, { ...options, replicas: 1 });
    }
    if (error instanceof JetStreamApiError && error.code === apiErrors.streamNameInUse) {
      return manager.streams.info(options.stream); // Another server was faster.
    }
    throw error;
  }
}

/**
 * The stream for quorum probes: created if it does not exist. If that is not possible now, it is
 * created when it is needed. Rejects if it may not be created.
 */
async function openProbe(stream: NatsStream): Promise<void> {
  try {
    await stream.makeProbe();
  } catch (error) {
    if (isForbidden(error)) {
      throw probeForbidden({ probe: stream.probe, cause: error });
    }
  }
}

/** Rejects if the user may not post to rooms, or not request messages by their subject. */
async function checkRoomRights(session: NatsSession, stream: NatsStream): Promise<void> {
  const { connection } = session;
  const refusing = headers();
  refusing.set("Nats-Expected-Stream", "none"); // So that nothing is stored.
  const directGets = directSubjectOf(stream.name);
  const refusals: Error[] = [];
  const attempt = (subject: string, answer: Promise<unknown>) =>
    answer.catch((error) => {
      if (isForbidden(error)) {
        refusals.push(roomsForbidden({ subject, cause: error }));
      }
    });
  const timeout = { timeout: requestMs };
  void attempt(directGets, connection.request(directGets, '{"seq":1}', timeout));
  void attempt(
    wildcardOf(stream.subject),
    connection.request(stream.subjectOf("a/b"), "", { ...timeout, headers: refusing }),
  );
  // A refusal comes at once; an acknowledgement may not come while there is no quorum.
  await connection.flush();
  await setImmediate();
  if (refusals.length > 0) {
    throw refusals[0];
  }
}

/** Whether another attempt may help: not if JetStream has understood and refused. */
function isPassing(error: unknown): boolean {
  if (error instanceof JetStreamApiError) {
    return error.code === apiErrors.noPeers || (error.status >= 500 && !isAlone(error));
  }
  return !(error instanceof ConnectError);
}

/** Whether more than one replica is requested of a server that is in no cluster. */
function isAlone(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === apiErrors.replicasWithoutCluster;
}

function unusableError(
  { stream, replicas = 3 }: Pick<NatsStreamOptions, "stream" | "replicas">,
  error: Error,
): ConnectError {
  const hint =
    isAlone(error) || (error instanceof JetStreamApiError && error.code === apiErrors.noPeers)
      ? `: ${replicas} replicas need as many nodes with JetStream, see --nats-replicas`
      : "";
  return unusableStream({ stream, reason: `${error.message}${hint}`, cause: error });
}
