const absoluteForm = /^https?:\/\/([^/?#]*)/i;

/** Whether a request target is just a path, as nearly all are (RFC 9112, 3.2.1). */
function isOriginForm(target: string): boolean {
  return target.startsWith("/");
}

/** The path of a request target, which may be a whole URL (RFC 9112, 3.2.2), without its query. */
export function pathOf(target: string): string {
  const rest = isOriginForm(target) ? target : target.replace(absoluteForm, "");
  const end = rest.indexOf("?");
  const path = end < 0 ? rest : rest.slice(0, end);
  return path === "" ? "/" : path;
}

/** The host that a request target names, with its port; undefined if it names none. */
export function authorityOf(target: string): string | undefined {
  return isOriginForm(target) ? undefined : absoluteForm.exec(target)?.[1];
}

/** A request target without the host that it may name: its path and its query. */
export function withoutAuthority(target: string): string {
  if (isOriginForm(target)) {
    return target;
  }
  const rest = target.replace(absoluteForm, "");
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** Nearly all requests name the same host, so it is parsed only once. */
let lastReadable: string | undefined;

/**
 * The host that a request names, in a form that URLs can have; else "localhost". HTTP/1.0 need not
 * name one, and Node's own HTTP/2 client writes "::1:8080", without the brackets that a URL needs.
 */
export function readableHost(authority: string | undefined): string {
  if (authority !== undefined && authority === lastReadable) {
    return authority;
  }
  if (!authority || !URL.canParse(`http://${authority}`)) {
    return "localhost";
  }
  lastReadable = authority;
  return authority;
}
