import { randomUUID } from "node:crypto";

/** Request and response header: names a call in logs, here and at whoever called. */
export const requestIdHeader = "x-request-id";

/** Printable ASCII without blanks, so that it can stand in any log, and not too much of it. */
const sane = /^[\x21-\x7e]{1,128}$/;

/** The request's own id if it has a sane one, else a new one. */
export function requestIdOf(header: Headers): string {
  const given = header.get(requestIdHeader);
  return given !== null && sane.test(given) ? given : randomUUID();
}
