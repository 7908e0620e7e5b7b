import { connect } from "node:net";

/**
 * Sends bytes as they are on a connection of their own, and resolves to all that comes back
 * until the server closes, or has said nothing more for a moment.
 */
export function sendRaw(url: string, bytes: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setEncoding("latin1").on("data", (text: string) => {
      answer += text;
      socket.setTimeout(200);
    });
    socket.setTimeout(5000, () => socket.destroy());
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

/** The status line's number; undefined if there was no answer. */
export function statusOf(answer: string): number | undefined {
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1];
  return status === undefined ? undefined : Number(status);
}
