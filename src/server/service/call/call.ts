import type { DescMethod } from "@bufbuild/protobuf";
import { Code, type ConnectError, type ContextValues, createContextKey } from "@connectrpc/connect";
import type { CallProtocol } from "./context.js";
import { certificateNameKey, identityKey } from "./context.js";

/** Observes calls: the log, the metrics and the traces do. */
export interface CallObserver {
  /** A call has begun; the caller is not known yet. `header` is the request's. */
  started?(call: Call, header: Headers): void;
  /** Runs the function that enters the call's method. */
  around?<T>(call: Call, run: () => T): T;
  /** An event in a long call that is worth recording, a few times a call at most. */
  noted?(call: Call, what: string, details: Readonly<Record<string, string | number>>): void;
  /** The call is over, with this error if there is one. */
  ended?(call: Call, error: ConnectError | undefined): void;
}

/** Counts the messages of a call. */
export interface MessageCount {
  received: number;
  sent: number;
}

/** One call, from its first interceptor to its end. */
export class Call implements MessageCount {
  /** How many messages its client has sent, as far as they have been read. */
  received = 0;
  /** How many messages were passed to the wire. */
  sent = 0;
  /** By `performance.now()`. */
  readonly startedAt = performance.now();
  /** The context of the span that is recorded for it, if there is one. */
  traceId: string | undefined;
  #state: "new" | "begun" | "ended" = "new";
  readonly #values: ContextValues;
  readonly #observers: readonly CallObserver[];

  constructor(
    readonly method: DescMethod,
    readonly protocol: CallProtocol,
    /** The id in its log line and its response header. */
    readonly requestId: string,
    /** The address of its client; empty if there is none. */
    readonly peer: string,
    values: ContextValues,
    observers: readonly CallObserver[],
  ) {
    this.#values = values;
    this.#observers = observers;
  }

  /** Such as "chatter.v1.ChatterService/Login". */
  get name(): string {
    return `${this.method.parent.typeName}/${this.method.name}`;
  }

  /** The caller, once the token is checked. */
  get user(): string | undefined {
    return this.#values.get(identityKey)?.subject;
  }

  /** The name in the client's certificate, if there is a verified one. */
  get certificateName(): string | undefined {
    return this.#values.get(certificateNameKey);
  }

  get hasBegun(): boolean {
    return this.#state !== "new";
  }

  begin(header: Headers): void {
    this.#state = "begun";
    for (const observer of this.#observers) {
      observer.started?.(this, header);
    }
  }

  /** Runs the function that enters the method, as its observers require. */
  run<T>(enter: () => T): T {
    return this.#observers.reduceRight<() => T>(
      (inner, observer) => (observer.around ? () => observer.around!(this, inner) : inner),
      enter,
    )();
  }

  /** Records an event in a long call. Call it a few times a call at most. */
  note(what: string, details: Readonly<Record<string, string | number>> = {}): void {
    for (const observer of this.#observers) {
      observer.noted?.(this, what, details);
    }
  }

  /** The call is over, with this error if there is one. The first end counts. */
  end(error: ConnectError | undefined): void {
    if (this.#state !== "begun") {
      return;
    }
    this.#state = "ended";
    for (const observer of this.#observers) {
      observer.ended?.(this, error);
    }
  }
}

/** Set for each call of a handler of `createChatter`. */
export const callKey = createContextKey<Call | undefined>(undefined, {
  description: "what is seen of the call",
});

/** A code as it is written on the wires: `invalid_argument`. No code: `ok`. */
export function codeName(code: Code | undefined): string {
  return code === undefined
    ? "ok"
    : Code[code].replace(/[A-Z]/g, (letter, at) => (at === 0 ? "" : "_") + letter.toLowerCase());
}
