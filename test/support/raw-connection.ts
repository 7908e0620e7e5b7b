import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A TCP connection, and what has come from the other side. */
export interface RawConnection {
  readonly socket: Socket;
  received(): Buffer;
  /** Whether the other side has closed or cut it. */
  readonly ended: boolean;
}

/** Opens a connection to the server at this URL, destroyed after the test. */
export async function openRawConnection(url: string): Promise<RawConnection> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.setNoDelay(true);
  const chunks: Buffer[] = [];
  let ended = false;
  const end = () => {
    ended = true;
  };
  socket
    .on("data", (chunk) => chunks.push(chunk))
    .on("end", end)
    .on("close", end)
    .on("error", () => {}); // "close" follows; a reset is what some tests are about.
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  return {
    socket,
    received: () => Buffer.concat(chunks),
    get ended() {
      return ended;
    },
  };
}
