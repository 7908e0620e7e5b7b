import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/** What V8's young generation may hold, in bytes: Node 20's maximum. */
const mostYoung = 16 * 1024 * 1024;

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

/**
 * Keeps V8's young generation from growing beyond the size that it has in Node 20, unless an option
 * of Node sets its size. For the whole process, as above.
 *
 * V8 doubles the young generation while much of it survives, as when subscribers arrive: up to
 * 16 MiB in Node 20, 64 in Node 24, 32 in Node 26, and takes two to three times as much of the
 * machine. It seldom gives that back. The limit itself cannot be changed once the process runs; the
 * factor by which V8 grows it can.
 */
export function limitYoungGeneration(): void {
  const options = [...process.execArgv, process.env.NODE_OPTIONS].join(" ");
  if (/semi.space/.test(options)) {
    return;
  }
  new PerformanceObserver(() => {
    const mayDouble = 2 * youngCapacity() <= mostYoung;
    setFlagsFromString(`--semi-space-growth-factor=${mayDouble ? 2 : 1}`);
  }).observe({ entryTypes: ["gc"] });
}

function youngCapacity(): number {
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
  return space ? space.space_used_size + space.space_available_size : 0;
}
