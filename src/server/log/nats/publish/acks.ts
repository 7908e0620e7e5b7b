import { JetStreamApiError } from "@nats-io/jetstream";
import {
  createInbox,
  errors,
  type Msg,
  type MsgHdrs,
  type Payload,
  type Subscription,
} from "@nats-io/transport-node";
import type { NatsSession } from "../session.js";

/**
 * Time without any acknowledgement, in milliseconds, after which messages in flight are considered
 * lost: the node that owes the acknowledgements may be gone.
 */
const quietMs = 1000;
const tickMs = 200;

/** JetStream's acknowledgement of a message. */
export interface PublishAck {
  readonly seq: number;
  readonly duplicate: boolean;
}

interface Pending {
  readonly subject: string;
  readonly sentAt: number;
  readonly endsAt: number;
  resolve(ack: PublishAck): void;
  reject(error: Error): void;
}

/**
 * Sends messages to JetStream and receives their acknowledgements. With many messages in flight on
 * a slow link, single acknowledgements can be late. So messages have no short timeout of their own
 * while acknowledgements keep arriving. A message also counts as lost once one that was sent more
 * than a second later has been acknowledged.
 */
export class NatsAcks {
  readonly #session: NatsSession;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  readonly #pending = new Map<string, Pending>();
  #next = 0;
  #timer: NodeJS.Timeout | undefined;
  #heardAt = 0;
  /** When the most recently sent of the acknowledged messages was sent. */
  #newest = 0;

  constructor(session: NatsSession) {
    this.#session = session;
    this.#subscription = session.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => (error ? this.#failAll(error) : this.#receive(message)),
    });
  }

  /** How many messages have no acknowledgement yet. */
  get unanswered(): number {
    return this.#pending.size;
  }

  /**
   * Sends a message. Rejects with a `JetStreamApiError` if JetStream refuses it, or with another
   * error if there is no acknowledgement within `deadlineMs`: then it is unknown whether the
   * message is stored.
   */
  send(
    subject: string,
    payload: Payload,
    headers: MsgHdrs,
    deadlineMs: number,
  ): Promise<PublishAck> {
    const token = String(this.#next++);
    return new Promise((resolve, reject) => {
      const now = performance.now();
      if (this.#pending.size === 0) {
        this.#heardAt = now;
        this.#timer ??= setInterval(() => this.#tick(), tickMs);
      }
      this.#pending.set(token, { subject, sentAt: now, endsAt: now + deadlineMs, resolve, reject });
      try {
        this.#session.connection.publish(subject, payload, {
          headers,
          reply: `${this.#inbox}.${token}`,
        });
      } catch (error) {
        this.#pending.delete(token);
        reject(error as Error);
      }
    });
  }

  /** Sends a message that JetStream does not acknowledge by itself. */
  sendUnanswered(subject: string, payload: Payload, headers: MsgHdrs): void {
    this.#session.connection.publish(subject, payload, { headers });
  }

  /** No more acknowledgements can arrive. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#subscription.unsubscribe();
    this.#failAll(new Error("the log is closed"));
  }

  #receive(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length + 1);
    const pending = this.#pending.get(token);
    if (pending === undefined) {
      return; // It came too late: the message was sent again meanwhile.
    }
    this.#pending.delete(token);
    this.#heardAt = performance.now();
    if (message.data.length === 0) {
      pending.reject(new errors.NoRespondersError(message.subject));
      return;
    }
    this.#newest = Math.max(this.#newest, pending.sentAt);
    try {
      const { error, seq, duplicate = false } = message.json<Answer>();
      if (error !== undefined) {
        pending.reject(new JetStreamApiError(error));
      } else {
        pending.resolve({ seq, duplicate });
      }
    } catch (error) {
      pending.reject(error as Error);
    }
  }

  #tick(): void {
    if (this.#pending.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (!this.#session.isConnected) {
      this.#failAll(new Error("the connection to NATS is lost"));
      return;
    }
    const now = performance.now();
    for (const [token, { subject, reject }] of this.#pending) {
      const violation = this.#session.forbidden(subject);
      if (violation !== undefined) {
        this.#pending.delete(token);
        reject(violation);
      }
    }
    const isQuiet = now - this.#heardAt > quietMs;
    for (const [token, { sentAt, endsAt, reject }] of this.#pending) {
      const isOvertaken = this.#newest - sentAt > quietMs;
      if (isOvertaken || (isQuiet && now - sentAt > quietMs) || now > endsAt) {
        this.#pending.delete(token);
        reject(new Error("NATS JetStream does not acknowledge a message"));
      }
    }
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#pending.values()) {
      reject(error);
    }
    this.#pending.clear();
  }
}

interface Answer {
  readonly error?: ConstructorParameters<typeof JetStreamApiError>[0];
  readonly seq: number;
  readonly duplicate?: boolean;
}
