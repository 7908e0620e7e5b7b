import { setImmediate as nextTurn } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { opcode, type RawWebSocket } from "../../support/websocket-raw.js";
import { until } from "../../support/websocket-service.js";
import type { Case } from "./cases.js";
import type { Dialect } from "./dialects.js";
import { close, encode, type Frame, message } from "./frames.js";

const waitMs = 10_000;

/** Sends the frames of a case on a socket that was opened for it. Resolves to what went wrong. */
export async function faultsOf(
  { sends, closes, chop }: Case,
  dialect: Dialect,
  socket: RawWebSocket,
): Promise<string[]> {
  const closeCode = typeof closes === "object" ? closes[dialect.name] : closes;
  const parts = partsOf(sends);
  if (closeCode === undefined) {
    // Whatever the case was, the socket can be used as before.
    parts.push([message("the last")]);
  }
  const frames = parts.flat();
  const encoded = encode(frames, dialect);
  const pongs: Buffer[] = [];
  const echoes: string[] = [];
  const isClosed = () => socket.ended || socket.closeCode !== undefined;
  // If the client closes first, the server ends the connection: it is not helped to.
  socket.closes = !frames.some((frame) => frame.opcode === opcode.close);

  let at = 0;
  for (const part of parts) {
    const sent = encoded.slice(at, at + part.length);
    at += part.length;
    const chunks = chop === "frame" ? sent.map(({ bytes }) => bytes) : chopped(sent, chop);
    for (const chunk of chunks) {
      if (!isClosed()) {
        socket.write(chunk);
        await nextTurn();
      }
    }
    if (closeCode !== undefined && at === frames.length) {
      break; // What is wrong, or a close, is in here: none of its pings is answered.
    }
    pongs.push(...part.filter(isPing).map(({ content }) => Buffer.from(content as string)));
    echoes.push(...sent.flatMap((frame) => frame.echoes));
    await until(
      () =>
        isClosed() ||
        (socket.pongsReceived.length >= pongs.length &&
          dialect.echoed(socket).length >= echoes.length),
      waitMs,
    );
  }
  if (closeCode === undefined) {
    socket.closes = false;
    socket.write(encode([close(1000)], dialect)[0]!.bytes);
  }
  await socket.closed(waitMs);
  await until(() => socket.ended, waitMs);

  const faults: string[] = [];
  const echoed = dialect.echoed(socket);
  /** Of messages before a fault, some may have been echoed. */
  const possible = encoded.flatMap((frame) => frame.echoes).slice(0, echoed.length);
  if (echoed.length < echoes.length || !isDeepStrictEqual(echoed, possible)) {
    faults.push(`echoed ${echoed.map(shorten)}, not ${echoes.map(shorten)}`);
  }
  if (!isDeepStrictEqual(socket.pongsReceived.map(String), pongs.map(String))) {
    faults.push(`pongs ${socket.pongsReceived.map(shorten)}, not ${pongs.map(shorten)}`);
  }
  if (socket.closeCode !== (closeCode ?? 1000)) {
    faults.push(`closed with ${socket.closeCode} ${socket.closeReason}, not ${closeCode ?? 1000}`);
  }
  return faults;
}

function partsOf(sends: Case["sends"]): (readonly Frame[])[] {
  const isFrame = (each: Frame | readonly Frame[]): each is Frame => "content" in each;
  return sends.every(isFrame) ? [sends] : [...(sends as readonly (readonly Frame[])[])];
}

const isPing = (frame: Frame) => frame.opcode === opcode.ping;

/** The bytes of frames in chunks of this size. Default: in one. */
function chopped(frames: readonly { readonly bytes: Buffer }[], size = Number.MAX_SAFE_INTEGER) {
  const all = Buffer.concat(frames.map(({ bytes }) => bytes));
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) =>
    all.subarray(i * size, Math.min((i + 1) * size, all.length)),
  );
}

function shorten(content: string | Buffer): string {
  const text = JSON.stringify(String(content));
  return text.length > 40 ? `${text.slice(0, 40)}… (${text.length})` : text;
}
