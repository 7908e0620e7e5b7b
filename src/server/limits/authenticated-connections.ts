/*
 * A connection is known from the first valid token on: an HTTP/2 session, or an HTTP/1 socket.
 * Until then it may be anybody's, and has a smaller share of the server.
 */

const known = new WeakSet<object>();
const waiting = new WeakMap<object, () => void>();

export function isKnown(connection: object): boolean {
  return known.has(connection);
}

/** This connection has shown a valid token. */
export function becomeKnown(connection: object | undefined): void {
  if (connection !== undefined && !known.has(connection)) {
    known.add(connection);
    waiting.get(connection)?.();
    waiting.delete(connection);
  }
}

/** Calls back once, when a connection becomes known. */
export function whenKnown(connection: object, callback: () => void): void {
  waiting.set(connection, callback);
}
