import { isIP } from "node:net";

/** Whether only this machine reaches the host: localhost, 127.0.0.0/8, ::1 (in brackets too). */
export function isLoopback(host: string): boolean {
  return (
    host === "localhost" ||
    host === "::1" ||
    host === "[::1]" ||
    (isIP(host) === 4 && host.startsWith("127."))
  );
}
