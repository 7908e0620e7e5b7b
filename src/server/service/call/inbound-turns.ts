import { isKnown } from "../../limits/authenticated-connections.js";
import { FairTurns } from "../../util/fair-turns.js";

/** An object that has received something to deliver. */
export interface Inbound {
  /** Its connection: each connection has its turn, and then each of its calls. */
  readonly connection: object | undefined;
  deliver(): void;
}

/**
 * How many calls deliver what they have received in one turn of the event loop. Connections that
 * have shown no valid token have a small share of their own: there are methods that anybody may ask
 * again and again in one call.
 */
const deliveredAtOnce = { known: 64, unknown: 8 };

/**
 * Maximum number of bytes of a body that a connection without a valid token delivers in one turn:
 * for example, thirty requests to reflection.
 */
export const unknownBytesAtOnce = 1024;

const known = createTurns(deliveredAtOnce.known);
const unknown = createTurns(deliveredAtOnce.unknown);

/**
 * What was received: delivered by connection and then by call, each in the order of its arrival.
 */
export const inboundTurns = {
  add(inbound: Inbound): void {
    const { connection } = inbound;
    (connection !== undefined && isKnown(connection) ? known : unknown).add(inbound, connection);
  },
  delete(inbound: Inbound): void {
    known.delete(inbound);
    unknown.delete(inbound); // It may have arrived before the token was known to be valid.
  },
};

/** Calls back when everything that has been received so far is delivered. */
export function afterInboundTurns(callback: () => void): void {
  // What was delivered in the same turn is still on its way through promises.
  unknown.afterAll(() => known.afterAll(() => setImmediate(callback)));
}

function createTurns(perTurn: number): FairTurns<Inbound> {
  return new FairTurns<Inbound>(perTurn, (inbound) => inbound.deliver());
}
