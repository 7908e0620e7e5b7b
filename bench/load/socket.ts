import { connect, type Socket } from "node:net";

/** All sockets read into the same memory: what is not used at once must be copied. */
const shared = Buffer.allocUnsafeSlow(256 * 1024);

export interface SocketEvents {
  /** Bytes have arrived: from 0 to `length`, gone after the call. */
  bytes(buffer: Buffer, length: number): void;
  /** The socket accepts more again. */
  drain(): void;
  /** The socket is gone; not called after `destroy`. */
  lost(error: Error): void;
}

/** Connects to a port of this machine. */
export function openSocket(port: number, events: SocketEvents): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let lost = reject;
    const socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer: shared,
        callback(length) {
          try {
            events.bytes(shared, length);
          } catch (error) {
            socket.destroy(error as Error);
          }
          return true;
        },
      },
    });
    socket.on("connect", () => {
      lost = events.lost;
      resolve(socket);
    });
    socket.on("drain", events.drain);
    socket.on("error", (error) => lost(error));
    socket.on("end", () => socket.destroy(new Error("the server has closed the connection")));
  });
}

/** Makes everything written until the end of this turn go out in one chunk. */
export function corkForTurn(socket: Socket): void {
  if (socket.writableCorked === 0) {
    socket.cork();
    process.nextTick(() => socket.uncork());
  }
}
