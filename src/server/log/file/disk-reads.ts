import { Semaphore } from "../../../async/semaphore.js";

/*
 * Node works on files in a few threads, 4 unless UV_THREADPOOL_SIZE says otherwise, which take
 * what comes in its order: a commit would wait for all reads that were asked for before it, and
 * for as long as a slow disk takes for them. So readers have all threads but two, as one is for
 * the commit, and one for what the log does besides: retention, or the ids at a start.
 */

const threads = Number(process.env.UV_THREADPOOL_SIZE) || 4;

/** What is read for readers, and written that nobody waits for, of all logs of the process. */
export const diskReads = new Semaphore(Math.max(1, threads - 2));
