import { setFlagsFromString } from "node:v8";

/**
 * Has V8 make every object in the young generation. For the whole process: to be called by a
 * program at its start, not by a library.
 *
 * V8 finds places in the code whose objects live long, as they do while a thousand streams open,
 * and from then on makes those of the same places in the old generation. Later they live as
 * long as a message is on its way; there they wait for a major collection, keep all that they
 * refer to, and bring one about every other second, each a pause of several milliseconds.
 */
export function keepObjectsYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
