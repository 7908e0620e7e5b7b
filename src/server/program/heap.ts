import { setFlagsFromString } from "node:v8";

/**
 * Makes V8 allocate every object in the young generation. For the whole process: to be called by a
 * program at its start, not by a library.
 *
 * V8 finds places in the code whose objects live long, as they do while a thousand streams open,
 * and from then on allocates objects of these places in the old generation. Later these objects
 * live only as long as a message is being processed; in the old generation they wait for a major
 * collection, keep everything that they refer to, and cause one every other second, each a pause of
 * several milliseconds.
 */
export function keepObjectsYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
