const listeners = new Set<() => void>();

/**
 * Calls the listener at each SIGHUP, by which operators ask for files to be read again. Returns a
 * function that unsubscribes.
 *
 * On a terminal, SIGHUP means that the terminal was closed: there it ends the program, as it does
 * any other, and the listener is not called.
 */
export function onReloadSignal(listener: () => void): () => void {
  if (process.stdin.isTTY) {
    return () => {};
  }
  listeners.add(listener);
  if (listeners.size === 1) {
    process.on("SIGHUP", tell);
  }
  return () => {
    if (listeners.delete(listener) && listeners.size === 0) {
      process.off("SIGHUP", tell);
    }
  };
}

function tell(): void {
  for (const listener of listeners) {
    listener();
  }
}
