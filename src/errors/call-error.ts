import { ConnectError } from "@connectrpc/connect";

/**
 * The base of the classes of errors of calls that `instanceof` can tell from others: that of
 * ConnectError itself is inherited, and true for every ConnectError.
 */
export abstract class CallError extends ConnectError {
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: the class that is asked for, a derived one
    return Function.prototype[Symbol.hasInstance].call(this, value);
  }
}
