import type { Socket } from "node:net";

/**
 * What to do with a connection that begins with these bytes: at least one, and all that have
 * arrived so far. Undefined: more of them are needed.
 */
export type Decide = (seen: Buffer) => ((socket: Socket) => void) | undefined;

/**
 * Reads a connection until it is decided who gets it, puts back what was read, and hands the
 * connection over. A connection that ends or fails before is destroyed.
 */
export function sniffProtocol(socket: Socket, decide: Decide): void {
  let seen: Buffer = Buffer.alloc(0);
  // Until a server has it, a reset would otherwise be an uncaught exception.
  const destroy = () => socket.destroy();
  socket.on("error", destroy).on("end", destroy).on("readable", onReadable);

  function onReadable(): void {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) {
      return;
    }
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const take = decide(seen);
    if (take) {
      socket.off("readable", onReadable).off("end", destroy).off("error", destroy);
      socket.unshift(seen);
      take(socket);
    }
  }
}

/** Ends a connection with a last answer, and reads it to its end so that the answer arrives. */
export function endWith(socket: Socket, answer: string | Uint8Array): void {
  socket.on("error", () => socket.destroy()).end(answer);
  socket.resume();
}
