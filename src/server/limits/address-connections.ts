import type { Socket } from "node:net";
import { networkOf } from "../net/network.js";
import type { IsTrustedProxy } from "../net/peer-address.js";
import type { Limits } from "./limits.js";
import { retryAfter, retryLaterMs } from "./over-limit.js";

/**
 * Maximum number of connections that get the reason of a refusal at a time; more are just closed.
 */
const maxRefusals = 100;

/**
 * Counts the open connections of each address; of IPv6 each network of 64 bits is one. Those of
 * trusted proxies are not counted: they are of many clients.
 */
export class AddressConnections {
  readonly #limits: Pick<Limits, "maxAddressConnections" | "onRefused">;
  readonly #isTrustedProxy: IsTrustedProxy;
  readonly #open = new Map<string, number>();
  #refusals = 0;

  constructor(
    limits: Pick<Limits, "maxAddressConnections" | "onRefused">,
    isTrustedProxy: IsTrustedProxy,
  ) {
    this.#limits = limits;
    this.#isTrustedProxy = isTrustedProxy;
  }

  /**
   * Takes a new connection: whether it is to be served, refused with the reason, or just closed.
   */
  enter(socket: Socket): "serve" | "refuse" | "close" {
    const { maxAddressConnections, onRefused } = this.#limits;
    if (this.#isTrustedProxy(socket.remoteAddress)) {
      return "serve";
    }
    const key = networkOf(socket.remoteAddress ?? "");
    const open = this.#open.get(key) ?? 0;
    if (maxAddressConnections > 0 && open >= maxAddressConnections) {
      onRefused("address_connections");
      if (this.#refusals >= maxRefusals) {
        return "close";
      }
      this.#refusals++;
      socket.once("close", () => this.#refusals--);
      return "refuse";
    }
    this.#open.set(key, open + 1);
    socket.on("close", () => this.#leave(key));
    return "serve";
  }

  #leave(key: string): void {
    const open = this.#open.get(key)! - 1;
    if (open > 0) {
      this.#open.set(key, open);
    } else {
      this.#open.delete(key);
    }
  }
}

const text = "too many connections from this address: close some first\n";

/** What a client that speaks HTTP/1.1 gets. */
export const http1Refusal =
  `HTTP/1.1 429 Too Many Requests\r\nRetry-After: ${retryAfter(retryLaterMs)}\r\n` +
  `Connection: close\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n${text}`;

/** What a client that speaks HTTP/2 gets: SETTINGS, and GOAWAY with ENHANCE_YOUR_CALM. */
export const http2Refusal = Buffer.concat([
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
  Buffer.from([0, 0, 8 + text.length, 7, 0, 0, 0, 0, 0]),
  Buffer.from([0, 0, 0, 0, 0, 0, 0, 11]),
  Buffer.from(text),
]);
