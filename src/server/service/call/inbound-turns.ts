import { isKnown } from "../../limits/authenticated-connections.js";
import { FairTurns } from "../../util/fair-turns.js";

/** Something that has received what it is to deliver. */
export interface Inbound {
  /** What it came by: each has its turn, and then each call of it. */
  readonly connection: object | undefined;
  deliver(): void;
}

/**
 * How many deliver what they have received in one turn of the event loop, of all calls. What comes
 * on connections that have shown no valid token has a small share of its own: there are methods
 * that anybody may ask again and again in one call.
 */
const deliveredAtOnce = { known: 64, unknown: 8 };

/**
 * Maximum number of bytes of a body that a connection without a valid token delivers in one turn:
 * thirty questions to reflection, say.
 */
export const unknownBytesAtOnce = 1024;

const known = createTurns(deliveredAtOnce.known);
const unknown = createTurns(deliveredAtOnce.unknown);

/**
 * What was received: delivered by connection and then by call, each in the order in which it came.
 */
export const inboundTurns = {
  add(inbound: Inbound): void {
    const { connection } = inbound;
    (connection !== undefined && isKnown(connection) ? known : unknown).add(inbound, connection);
  },
  delete(inbound: Inbound): void {
    known.delete(inbound);
    unknown.delete(inbound); // It may have come before the token was known to be valid.
  },
};

/** Calls back when all that was received up to now has been delivered. */
export function afterInboundTurns(callback: () => void): void {
  // What was delivered in the same turn is still on its way through promises.
  unknown.afterAll(() => known.afterAll(() => setImmediate(callback)));
}

function createTurns(perTurn: number): FairTurns<Inbound> {
  return new FairTurns<Inbound>(perTurn, (inbound) => inbound.deliver());
}
