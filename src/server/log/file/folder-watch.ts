import { isSameFile } from "../../util/file-lock.js";

/** How often to check whether the folder still exists. */
const intervalMs = 400;

/** An open file, and where it must be. */
export interface WatchedFile {
  readonly fd: number;
  readonly path: string;
}

/**
 * Checks whether the files that a log has open are those at their paths. A write to a file that was
 * deleted, or whose folder was replaced, succeeds and is lost.
 */
export class FolderWatch {
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | undefined;

  /**
   * @param files that must exist now; none: nothing is checked
   * @param gone is called with the path of the first one that is not
   */
  constructor(files: () => readonly WatchedFile[], gone: (path: string) => void) {
    const look = async () => {
      for (const { fd, path } of files()) {
        // It may have been closed meanwhile: what counts is which files should be open now.
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

  /** Stops checking. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }
}
