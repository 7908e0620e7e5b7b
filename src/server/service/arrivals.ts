import { TurnQueue } from "../turn-queue.js";

/** Something that has received what it is to hand on. */
export interface Arrival {
  handOn(): void;
}

/** How many hand on what they have received in one turn of the event loop, of all calls. */
const handedOnAtOnce = 64;

/** What was received, in the order in which it came. */
export const arrivals = new TurnQueue<Arrival>(handedOnAtOnce, (arrival) => arrival.handOn());

/** Calls back when all that was received up to now has been handed on. */
export function afterArrivals(callback: () => void): void {
  // What was handed on in the same turn is still on its way through promises.
  arrivals.add({ handOn: () => setImmediate(callback) });
}
