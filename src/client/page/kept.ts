/*
 * The page stores values in the tab's own storage, which other tabs do not see, and which the
 * browser removes with the tab.
 */

/** The path is a part of the key: several Chatters on one origin do not share values. */
const prefix = `chatter ${new URL(".", location.href).pathname}`;

/** The stored value of a name; undefined if there is none. */
export function kept<T>(name: string): Partial<T> | undefined {
  try {
    return JSON.parse(sessionStorage.getItem(`${prefix} ${name}`) ?? "null") ?? undefined;
  } catch {
    return undefined; // The browser allows no storage.
  }
}

/** Stores a value; undefined removes it. */
export function keep<T>(name: string, value: T | undefined): void {
  try {
    if (value === undefined) {
      sessionStorage.removeItem(`${prefix} ${name}`);
    } else {
      sessionStorage.setItem(`${prefix} ${name}`, JSON.stringify(value));
    }
  } catch {
    // The browser allows no storage, or it is full: after a reload, the user logs in again.
  }
}
