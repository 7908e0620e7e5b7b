import {
  aheadOfCredit,
  type ClientControl,
  closeCodes,
  headLimit,
  parseClientControl,
  TunnelFault,
} from "../../client/tunnel-wire.js";
import type { Message } from "./message-socket.js";

/** How much body the client will take. */
export class CreditGate {
  #left = aheadOfCredit;
  #wake: (() => void) | undefined;

  /** How many bytes may be sent now. */
  get left(): number {
    return this.#left;
  }

  /** The client takes so many bytes more. */
  give(bytes: number): void {
    this.#left = Math.min(this.#left + bytes, Number.MAX_SAFE_INTEGER);
    if (this.#left > 0) {
      this.#wake?.();
    }
  }

  /** So many bytes were sent. */
  spend(bytes: number): void {
    this.#left -= bytes;
  }

  /** Resolves when something may be sent, or when the signal is aborted. */
  wait(signal: AbortSignal): Promise<void> {
    if (this.#left > 0 || signal.aborted) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener("abort", wake);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener("abort", wake);
    });
  }
}

/** Takes the client's messages in their order: head, pieces of body, `null`; credit at any time. */
export class TunnelIntake {
  /** Resolves to the head's headers. */
  readonly head: Promise<Headers>;
  readonly credit = new CreditGate();
  #state: "head" | "body" | "ended" = "head";
  #onHead: (headers: Headers) => void = () => {};

  constructor() {
    this.head = new Promise((resolve) => {
      this.#onHead = resolve;
    });
  }

  /** Whether the client sends no more body than it was given credit for. */
  keepsToCredit = false;

  /** Whether the client said that it has no more to send. */
  get ended(): boolean {
    return this.#state === "ended";
  }

  /**
   * Takes one message; true if it is a piece of the body. Throws a TunnelFault if it is
   * not what may come now.
   */
  take({ data, binary }: Message): boolean {
    return binary ? this.#takeBinary(data) : this.#takeText(data);
  }

  #takeBinary(data: Buffer): boolean {
    switch (this.#state) {
      case "head":
        throw new TunnelFault(
          closeCodes.wrongKind,
          `the first message is text: {"headers": …}; only body is binary`,
        );
      case "ended":
        throw new TunnelFault(closeCodes.brokenOrder, "no body may follow null");
      case "body":
        return data.length > 0;
    }
  }

  #takeText(data: Buffer): boolean {
    if (this.#state === "head" && data.length > headLimit) {
      throw new TunnelFault(closeCodes.tooBig, `the head is over ${headLimit} bytes`);
    }
    const control = this.#parse(data.toString());
    switch (control.kind) {
      case "credit":
        this.credit.give(control.bytes);
        break;
      case "head":
        if (this.#state !== "head") {
          throw new TunnelFault(closeCodes.brokenOrder, "there is one head, and it comes first");
        }
        this.#state = "body";
        this.keepsToCredit = control.credit !== undefined;
        this.credit.give(control.credit ?? 0);
        this.#onHead(control.headers);
        break;
      case "end":
        if (this.#state !== "body") {
          throw new TunnelFault(closeCodes.brokenOrder, "null comes once, after the head");
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
      // Text is the right kind here, it only says the wrong thing.
      if (this.#state === "head" && error instanceof TunnelFault) {
        throw new TunnelFault(closeCodes.brokenOrder, error.message);
      }
      throw error;
    }
  }
}
