import { onAbort } from "../../../async/abort.js";
import { closeCodes } from "../../../protocol/close-codes.js";
import { TunnelFault } from "../../../protocol/errors.js";
import {
  aheadOfCredit,
  type ClientControl,
  openingLimit,
  parseClientControl,
} from "../../../protocol/tunnel.js";
import {
  beyondCredit,
  binaryOpening,
  bodyAfterEnd,
  earlyEnd,
  largeOpening,
  secondOpening,
} from "../errors.js";
import type { Message } from "../message-store.js";

/** How much body the client will accept. */
export class CreditGate {
  #left = aheadOfCredit;
  #wake: (() => void) | undefined;

  /** How many bytes may be sent now. */
  get left(): number {
    return this.#left;
  }

  /** The client accepts this many more bytes. */
  give(bytes: number): void {
    this.#left = Math.min(this.#left + bytes, Number.MAX_SAFE_INTEGER);
    if (this.#left > 0) {
      this.#wake?.();
    }
  }

  /** This many bytes were sent. */
  spend(bytes: number): void {
    this.#left -= bytes;
  }

  /** Resolves when something may be sent, or when the signal is aborted. */
  wait(signal: AbortSignal): Promise<void> {
    if (this.#left > 0 || signal.aborted) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      let unsubscribe = () => {};
      const wake = () => {
        unsubscribe();
        this.#wake = undefined;
        resolve();
      };
      this.#wake = wake;
      unsubscribe = onAbort(signal, wake);
    });
  }
}

/**
 * Reads the client's messages in order: the opening message, chunks of body, `null`; credit at any
 * time.
 */
export class TunnelIntake {
  /** Resolves to the headers of the opening message. */
  readonly opening: Promise<Headers>;
  readonly credit = new CreditGate();
  #state: "opening" | "body" | "ended" = "opening";
  #onOpening: (headers: Headers) => void = () => {};

  constructor() {
    this.opening = new Promise((resolve) => {
      this.#onOpening = resolve;
    });
  }

  /** Whether the client sends no more body than its credit. */
  keepsToCredit = false;

  /** How much more body it may send, if it uses credit. */
  #allowed = aheadOfCredit;

  /** The client was given this much more credit. */
  grant(bytes: number): void {
    this.#allowed += bytes;
  }

  /** Whether the opening message has arrived. */
  get hasBegun(): boolean {
    return this.#state !== "opening";
  }

  /** Whether the client has ended its request. */
  get ended(): boolean {
    return this.#state === "ended";
  }

  /**
   * Handles one message; true if it is a chunk of the body. Throws a TunnelFault if it is not
   * allowed now.
   */
  take({ data, binary }: Message): boolean {
    return binary ? this.#takeBinary(data) : this.#takeText(data);
  }

  #takeBinary(data: Buffer): boolean {
    switch (this.#state) {
      case "opening":
        throw binaryOpening();
      case "ended":
        throw bodyAfterEnd();
      case "body":
        this.#allowed -= data.length;
        if (this.keepsToCredit && this.#allowed < 0) {
          throw beyondCredit({ ahead: aheadOfCredit });
        }
        return data.length > 0;
    }
  }

  #takeText(data: Buffer): boolean {
    if (this.#state === "opening" && data.length > openingLimit) {
      throw largeOpening({ most: openingLimit });
    }
    const control = this.#parse(data.toString());
    switch (control.kind) {
      case "credit":
        this.credit.give(control.bytes);
        break;
      case "opening":
        if (this.#state !== "opening") {
          throw secondOpening();
        }
        this.#state = "body";
        this.keepsToCredit = control.credit !== undefined;
        this.credit.give(control.credit ?? 0);
        this.#onOpening(control.headers);
        break;
      case "end":
        if (this.#state !== "body") {
          throw earlyEnd();
        }
        this.#state = "ended";
        break;
    }
    return false;
  }

  #parse(text: string): ClientControl {
    try {
      return parseClientControl(text);
    } catch (error) {
      // Text is the right kind here, only its content is wrong.
      if (this.#state === "opening" && error instanceof TunnelFault) {
        throw new TunnelFault(closeCodes.brokenOrder, error.message);
      }
      throw error;
    }
  }
}
