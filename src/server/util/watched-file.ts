import { stat } from "node:fs/promises";

export interface WatchedFileOptions<T> {
  /**
   * Reads the content of the file, or files. Its error says what is wrong there, and nothing that
   * is secret.
   */
  readonly load: () => Promise<T>;
  /** Called once for each fault while it lasts. The previous content stays. */
  readonly onError: (error: unknown) => void;
  /** How often to check whether a file has changed, in milliseconds. Default: 1000. */
  readonly intervalMs?: number;
}

/** The content of a file, read again whenever it changes. */
export interface WatchedFile<T> {
  /** The content of the file when it was last valid. */
  readonly value: T;
  /** Calls the listener after each change of `value`. Returns a function that unsubscribes. */
  onChange(listener: () => void): () => void;
  /** Reads the file now, changed or not. Never rejects: `onError` is called with what is wrong. */
  reload(): Promise<void>;
  /** Stops watching. The watch does not keep the process alive. */
  close(): void;
}

/**
 * Reads some files that belong together, and again when one of them changes: it was written or
 * replaced, or a symbolic link to it leads elsewhere now. They are polled by name, because change
 * notifications do not work on every file system. Rejects as `load` does if they are invalid at the
 * start.
 *
 * @param paths the files
 */
export async function watchFile<T>(
  paths: readonly string[],
  { load, onError, intervalMs = 1000 }: WatchedFileOptions<T>,
): Promise<WatchedFile<T>> {
  const listeners = new Set<() => void>();
  let seen = await stateOf(paths);
  let value: T = await load();
  let reported: string | undefined;
  let closed = false;
  let looking: Promise<void> | undefined;

  async function look(always: boolean): Promise<void> {
    const state = await stateOf(paths);
    if (state === seen && !always) {
      return;
    }
    const outcome = await load().then(
      (loaded) => ({ loaded }),
      (error: unknown) => ({ error }),
    );
    if (closed || state !== (await stateOf(paths))) {
      return; // It was written meanwhile, perhaps only half of it was read: the next check decides.
    }
    if ("error" in outcome) {
      // Tried again at each check, because the cause may pass by itself.
      const fault = `${state} ${outcome.error}`;
      if (always || fault !== reported) {
        onError(outcome.error);
      }
      reported = fault;
      return;
    }
    seen = state;
    reported = undefined;
    value = outcome.loaded;
    for (const listener of listeners) {
      listener();
    }
  }

  /** One check at a time, however slow the file system is. */
  function lookOnce(always: boolean): Promise<void> {
    looking ??= look(always).finally(() => {
      looking = undefined;
    });
    return looking;
  }

  const timer = setInterval(() => lookOnce(false), intervalMs).unref();
  return {
    get value() {
      return value;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async reload() {
      await looking;
      await lookOnce(true);
    },
    close() {
      closed = true;
      clearInterval(timer);
    },
  };
}

/** Differs when a file does: a written or replaced one has another time, size or inode number. */
async function stateOf(paths: readonly string[]): Promise<string> {
  const states = paths.map((path) =>
    stat(path, { bigint: true }).then(
      ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(),
      (error: NodeJS.ErrnoException) => String(error.code),
    ),
  );
  return (await Promise.all(states)).join(";");
}
