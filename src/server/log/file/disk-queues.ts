import { Semaphore } from "../../../async/semaphore.js";

/*
 * Node works on files in a few threads, 4 unless UV_THREADPOOL_SIZE says otherwise, and serves
 * requests in their order: a commit would wait for all reads that were requested before it, for as
 * long as a slow disk takes. So readers get all threads but two: one is for the commit, and one for
 * the log's other work (retention, or the ids at a start).
 */

const threads = Number(process.env.UV_THREADPOOL_SIZE) || 4;

/** The queue for reads on behalf of readers, of all logs of the process. */
export const diskReads = new Semaphore(Math.max(1, threads - 2));

/**
 * The queue for writes of what can be made again, such as indexes. It is not that of the readers:
 * a reader in that queue may wait for such a file.
 */
export const indexWrites = new Semaphore(1);
