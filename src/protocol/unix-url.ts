/*
 * URLs of Unix sockets, such as "unix:/run/chatter.sock": the server listens on them, and clients
 * connect to them. Characters that URLs escape are escaped as in any other URL.
 */

/**
 * Maximum length of a path, in bytes. Node cuts longer ones without an error; systems allow 103 to
 * 107, and the server needs some of them for a temporary name.
 */
const maxPathBytes = 90;

/** What is right, for errors. */
export const unixUrlRule = `unix: and an absolute path of at most ${maxPathBytes} bytes, such as unix:/run/chatter.sock`;

/** The path of the socket that the URL names, which is absolute. Undefined: it is no such URL. */
export function unixPathOf(url: string | URL): string | undefined {
  try {
    const { protocol, host, pathname, search, hash } = new URL(url);
    const path = decodeURIComponent(pathname);
    const isUrl = protocol === "unix:" && host + search + hash === "";
    return isUrl && isSocketPath(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** The URL of the socket with this absolute path. */
export function unixUrlOf(path: string): string {
  return `unix:${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** Whether a socket can have this path. */
export function isSocketPath(path: string): boolean {
  const isFile = path.startsWith("/") && !path.endsWith("/") && !path.includes("\0");
  return isFile && new TextEncoder().encode(path).length <= maxPathBytes;
}
