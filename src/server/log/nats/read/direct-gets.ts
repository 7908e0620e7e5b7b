import { createInbox, errors, type Msg, type Subscription } from "@nats-io/transport-node";
import { onAbort } from "../../../../async/abort.js";
import { Semaphore } from "../../../../async/semaphore.js";
import type { StreamMessage } from "../../../encoding/stream-payload.js";
import { closedError } from "../../errors.js";
import type { NatsSession } from "../session.js";
import type { NatsStream } from "../stream.js";

/** After how long without an answer a request is considered lost, in milliseconds. */
const silenceMs = 2000;

/** Maximum number of concurrent requests; more wait for their turn. */
const maxInFlight = 64;

/** A request to a stream: the next messages of a subject, or the last message of each of some. */
export type DirectQuery =
  | {
      /** From this sequence on. */
      readonly seq: number;
      /** A subject, which may have wildcards. */
      readonly next_by_subj: string;
      readonly batch: number;
      readonly max_bytes: number;
    }
  | {
      readonly seq?: number;
      /** Subjects, of which the stream has no more than 1,024. */
      readonly multi_last: readonly string[];
      readonly max_bytes: number;
    };

/** The answer of a node. */
export interface DirectBatch {
  readonly messages: readonly StreamMessage[];
  /** How many more match, after the last message. */
  readonly pending: number;
}

interface Pending {
  readonly messages: StreamMessage[];
  readonly silence: NodeJS.Timeout;
  resolve(batch: DirectBatch): void;
  reject(error: Error): void;
}

/**
 * Requests batches of messages without a consumer. Any node that has the stream answers: the answer
 * of a node that lags is correct up to its last message, but lacks later ones.
 */
export class NatsDirectGets {
  readonly #session: NatsSession;
  readonly #stream: NatsStream;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  readonly #pending = new Map<string, Pending>();
  readonly #inFlight = new Semaphore(maxInFlight);
  #isClosed = false;
  #next = 0;

  constructor(session: NatsSession, stream: NatsStream) {
    this.#session = session;
    this.#stream = stream;
    this.#subscription = session.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => (error ? this.#failAll(error) : this.#receive(message)),
    });
  }

  /**
   * The messages of a query, in order. Rejects with the signal's reason, or if the answer is
   * incomplete: then the query may be repeated.
   */
  get(query: DirectQuery, signal?: AbortSignal): Promise<DirectBatch> {
    return this.#inFlight.run(() => {
      if (this.#isClosed) {
        throw closedError();
      }
      return this.#session.request(() => this.#ask(query, signal));
    }, signal);
  }

  /** Ends all requests: none is answered from now on. */
  close(): void {
    this.#isClosed = true;
    this.#subscription.unsubscribe();
    this.#failAll(closedError());
  }

  #ask(query: DirectQuery, signal: AbortSignal | undefined): Promise<DirectBatch> {
    const token = String(this.#next++);
    const subject = directSubjectOf(this.#stream.name);
    let unsubscribe = () => {};
    const answered = new Promise<DirectBatch>((resolve, reject) => {
      const silence = setTimeout(
        () =>
          reject(this.#session.forbidden(subject) ?? new Error("JetStream does not answer a get")),
        silenceMs,
      );
      this.#pending.set(token, { messages: [], silence, resolve, reject });
      unsubscribe = onAbort(signal, () => reject(signal?.reason));
      const reply = `${this.#inbox}.${token}`;
      this.#session.connection.publish(subject, JSON.stringify(query), { reply });
    });
    return answered.finally(() => {
      unsubscribe();
      clearTimeout(this.#pending.get(token)?.silence);
      this.#pending.delete(token);
    });
  }

  #receive(message: Msg): void {
    const pending = this.#pending.get(message.subject.slice(this.#inbox.length + 1));
    if (pending === undefined) {
      return; // It came too late.
    }
    pending.silence.refresh();
    const found = readMessage(message);
    if (found !== undefined) {
      pending.messages.push(found);
      return;
    }
    const { messages } = pending;
    const code = message.headers?.code;
    if (code === 204) {
      const rest = Number(message.headers!.get("Nats-Num-Pending"));
      pending.resolve({ messages, pending: rest });
    } else if (code === 404 && messages.length === 0) {
      pending.resolve({ messages, pending: 0 });
    } else if (code === 503) {
      pending.reject(new errors.NoRespondersError(directSubjectOf(this.#stream.name)));
    } else {
      pending.reject(new Error(`JetStream answers a get with ${code}`));
    }
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#pending.values()) {
      reject(error);
    }
  }
}

/** The subject of direct gets of a stream. */
export function directSubjectOf(stream: string): string {
  return `$JS.API.DIRECT.GET.${stream}`;
}

/**
 * A message of the stream; undefined if it is a status message of the node. Posters can set headers
 * of their messages: those that the node adds come last.
 */
function readMessage({ headers, data }: Msg): StreamMessage | undefined {
  if (!headers?.has("Nats-Subject")) {
    return undefined;
  }
  return {
    sequence: Number(headers.last("Nats-Sequence")),
    sentAt: Date.parse(headers.last("Nats-Time-Stamp")),
    subject: headers.last("Nats-Subject"),
    payload: data,
  };
}
