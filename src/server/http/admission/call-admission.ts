import type { IncomingHttpHeaders } from "node:http";
import { isKnown } from "../../limits/authenticated-connections.js";
import { networkOf } from "../../net/network.js";
import type { IsTrustedProxy, PeerAddress } from "../../net/peer-address.js";
import { type Beginning, StartTurns } from "./start-turns.js";

/**
 * How many calls begin in one turn of the event loop, at least, from unknown connections. A call
 * takes a third of a millisecond, and a whole one at the start.
 */
const begunAtOnce = { known: 16, unknown: 4, upgrades: 8 };

/**
 * More calls from unknown connections begin until a turn has used this much CPU time, in
 * milliseconds: a turn costs as much as a call, so eight at once cost a tenth less than two times
 * four. More would be cheaper still, but would delay everything else.
 */
const unknownTurnMs = 2;

/** A call, a request or an upgrade that is to begin. */
export interface Start extends Beginning {
  readonly remoteAddress: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

export interface CallAdmissionOptions {
  readonly isTrustedProxy: IsTrustedProxy;
  readonly addressOf: PeerAddress;
}

/**
 * Decides when calls begin. One packet can hold the headers of hundreds, and many packets may
 * arrive at once. The first few calls of a turn begin at once, the others a few in each turn, in
 * turn by address, and by connection within an address, so that other connections are read and
 * answered in between. Calls from unknown connections have a small share of their own: however many
 * there are, calls with a token do not wait for them.
 *
 * A call through a trusted proxy has the address of its client. It counts as known if it has a
 * token, because all clients share the connection.
 */
export class CallAdmission {
  readonly #options: CallAdmissionOptions;
  readonly #known = new StartTurns<Start>(begunAtOnce.known);
  readonly #unknown = new StartTurns<Start>(begunAtOnce.unknown, unknownTurnMs);
  readonly #upgrades = new StartTurns<Start>(begunAtOnce.upgrades);

  constructor(options: CallAdmissionOptions) {
    this.#options = options;
  }

  /** Begins a call, now or in its turn. Returns whether it has begun. */
  call(start: Start): boolean {
    const mayBeKnown = this.#options.isTrustedProxy(start.remoteAddress)
      ? start.headers.authorization !== undefined
      : isKnown(start.connection);
    return (mayBeKnown ? this.#known : this.#unknown).offer(start, this.#addressOf(start));
  }

  /** Begins a WebSocket, which shows its token later. */
  upgrade(start: Start): boolean {
    return this.#upgrades.offer(start, this.#addressOf(start));
  }

  /** Of IPv6 the network of 64 bits. */
  #addressOf({ remoteAddress, headers }: Start): string {
    return networkOf(this.#options.addressOf(remoteAddress, headers["x-forwarded-for"]));
  }
}
