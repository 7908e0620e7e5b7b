import { isSameFile } from "../../util/file-lock.js";

/** How often it is looked whether the folder is still there. */
const intervalMs = 400;

/** A file that is open, and where it must be. */
export interface WatchedFile {
  readonly fd: number;
  readonly path: string;
}

/**
 * Looks whether the files that a log has open are those that are at their paths. What is
 * written to a file that was deleted, or whose folder was exchanged, succeeds and is lost.
 */
export class FolderWatch {
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | undefined;

  /**
   * @param files that must be there now; none: nothing is looked at
   * @param gone is called with the path of the first one that is not
   */
  constructor(files: () => readonly WatchedFile[], gone: (path: string) => void) {
    const look = async () => {
      for (const { fd, path } of files()) {
        // It may have been closed meanwhile: what counts is what should be open now.
        const isThere = await isSameFile(fd, path);
        if (!isThere && files().some((file) => file.fd === fd && file.path === path)) {
          gone(path);
          return;
        }
      }
    };
    this.#timer = setInterval(() => {
      this.#looking ??= look().finally(() => {
        this.#looking = undefined;
      });
    }, intervalMs);
    this.#timer.unref();
  }

  /** Ends looking. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }
}
