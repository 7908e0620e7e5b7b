import type { Socket } from "node:net";
import { networkOf } from "../net/network.js";
import type { IsTrustedProxy } from "../net/peer-address.js";
import type { Limits } from "./limits.js";

/**
 * Maximum number of connections that get the reason of their refusal at a time; further ones are
 * just closed.
 */
const maxRefusals = 100;

/**
 * Counts the open connections of each address; for IPv6, of each network of 64 bits. Those of
 * trusted proxies are not counted: they serve many clients.
 */
export class AddressConnections {
  readonly #limits: Pick<Limits, "maxAddressConnections" | "onRefused">;
  readonly #isTrustedProxy: IsTrustedProxy;
  readonly #open = new Map<string, number>();
  /** The address of each connection that is counted. */
  readonly #addresses = new Map<Socket, string>();
  #refusals = 0;

  constructor(
    limits: Pick<Limits, "maxAddressConnections" | "onRefused">,
    isTrustedProxy: IsTrustedProxy,
  ) {
    this.#limits = limits;
    this.#isTrustedProxy = isTrustedProxy;
  }

  /**
   * Decides about a new connection: whether to serve it, refuse it with the reason, or just close
   * it. Call `leave` when it has closed.
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
    this.#addresses.set(socket, key);
    return "serve";
  }

  /** A connection has closed. */
  leave(socket: Socket): void {
    const key = this.#addresses.get(socket);
    if (key === undefined) {
      return; // It was not counted.
    }
    this.#addresses.delete(socket);
    const open = this.#open.get(key)! - 1;
    if (open > 0) {
      this.#open.set(key, open);
    } else {
      this.#open.delete(key);
    }
  }
}
