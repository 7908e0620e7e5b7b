import type { IncomingMessage } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Code, ConnectError, type ContextValues } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import {
  closeCodes,
  formatEnd,
  formatServerHead,
  headTimeoutMs,
  heartbeatMs,
  TunnelFault,
  tunnelProtocol,
} from "../../client/tunnel-wire.js";
import { runToEnforcedEnd } from "./enforced-end.js";
import { isConnectStream } from "./envelope-tracker.js";
import { type Message, type MessageSocket, queueLimit } from "./message-socket.js";
import type { Upgrade, WebSocketRoute } from "./route.js";
import { RequestBody } from "./tunnel-body.js";
import { TunnelIntake } from "./tunnel-intake.js";
import { callUrl, mergeHeaders } from "./tunnel-request.js";

/** See WebSocketBridgeOptions. */
export interface TunnelOptions {
  readonly handlers?: readonly UniversalHandler[];
  readonly requestPathPrefix?: string;
  readonly contextValues?: (request: IncomingMessage) => ContextValues;
  readonly heartbeatMs?: number;
}

/** How long a handler has to end a call by itself once its signal is aborted. */
const ownEndMs = 500;

/** How long the client has to take the last of a call that was ended, if it gives no credit. */
const lastCreditMs = 5_000;

/**
 * How much may be queued where no room must be waited for. A client that keeps to credit
 * is read whatever the method does: its 256 KiB are never this much, however small the
 * pieces, and its cancelling lies behind them. Of any other it is taken while the response
 * waits for credit, which lies behind what client, network and system hold of the body.
 */
const longQueueLimit = 8 * 1024 * 1024;

const emptyMessage = new Uint8Array(0);

/** The routes of the tunnel, one a handler, as docs/tunnel.md has its wire. */
export function createTunnelRoutes(options: TunnelOptions): readonly WebSocketRoute[] {
  return (options.handlers ?? []).map((handler) => ({
    path: (options.requestPathPrefix ?? "") + handler.requestPath,
    protocol: tunnelProtocol,
    method: "GET",
    handle: (upgrade) => serveTunnel(handler, upgrade, options),
  }));
}

async function serveTunnel(
  handler: UniversalHandler,
  upgrade: Upgrade,
  options: TunnelOptions,
): Promise<void> {
  const intake = new TunnelIntake();
  const socket = upgrade.accept({
    keep: (message, from) => keepBody(intake, from, message),
    // A cut says nothing about what was sent before; a close before null takes it back.
    finishes: (code) => code === closeCodes.cut || (intake.ended && code !== closeCodes.canceled),
  });
  const heartbeat = setInterval(() => {
    // That the peer is gone is noticed elsewhere.
    socket.send([emptyMessage]).catch(() => {});
  }, options.heartbeatMs ?? heartbeatMs);
  const end = enforceEnd(upgrade, socket);
  try {
    const head = await receiveHead(intake, upgrade, socket);
    if (upgrade.signal.aborted) {
      // By the hook, say: there is no response yet that could say it.
      failWithReason(upgrade.signal, socket);
    } else if (head !== undefined) {
      socket.readAhead = readAheadOf(intake);
      const request: UniversalServerRequest = {
        // Of 1.x a handler would say that it cannot do bidi, which a WebSocket can.
        httpVersion: "2.0",
        method: "POST",
        url: callUrl(upgrade.request, upgrade.request.url ?? "/"),
        header: mergeHeaders(upgrade.request, head),
        body: new RequestBody(socket, {
          givesCredit: intake.keepsToCredit,
          isStream: isConnectStream(head.get("content-type")),
        }),
        signal: upgrade.signal,
        contextValues: options.contextValues?.(upgrade.request),
      };
      end.by(request.header.get("connect-timeout-ms"));
      await respond(handler, request, intake, socket, end.forced);
    }
  } catch (error) {
    if (!end.forced.aborted) {
      throw error;
    }
    // In the middle of a message: the response cannot say it.
    failWithReason(end.forced, socket);
  } finally {
    clearInterval(heartbeat);
    end.dispose();
  }
}

/** Closes the socket with what a signal was aborted for. */
function failWithReason({ reason }: AbortSignal, socket: MessageSocket): void {
  const error = ConnectError.from(reason, Code.Canceled);
  socket.fail(closeCodes.connect + error.code, error);
}

/** Whether a message is a piece of body; closes the socket if it may not come now. */
function keepBody(intake: TunnelIntake, socket: MessageSocket, message: Message): boolean {
  try {
    const isBody = intake.take(message);
    if (intake.ended) {
      socket.incoming.end();
    }
    return isBody;
  } catch (error) {
    if (!(error instanceof TunnelFault)) {
      throw error;
    }
    const tooBig = error.closeCode === closeCodes.tooBig;
    const code = tooBig ? Code.ResourceExhausted : Code.InvalidArgument;
    socket.fail(error.closeCode, new ConnectError(error.message, code));
    return false;
  }
}

/** The head's headers; undefined if the call ended before they came. */
async function receiveHead(
  intake: TunnelIntake,
  upgrade: Upgrade,
  socket: MessageSocket,
): Promise<Headers | undefined> {
  const timer = setTimeout(() => {
    const text = `no head came within ${headTimeoutMs / 1000} seconds`;
    socket.fail(closeCodes.headLate, new ConnectError(text, Code.DeadlineExceeded));
  }, headTimeoutMs);
  // Nothing runs yet that would need time to end.
  const ends = [upgrade.signal, upgrade.closing];
  let onAbort = () => {};
  const aborted = new Promise<undefined>((resolve) => {
    onAbort = () => resolve(undefined);
  });
  for (const end of ends) {
    end.addEventListener("abort", onAbort);
  }
  if (upgrade.signal.aborted) {
    onAbort();
  }
  const head = await Promise.race([intake.head, aborted]);
  clearTimeout(timer);
  for (const end of ends) {
    end.removeEventListener("abort", onAbort);
  }
  return head;
}

function readAheadOf(intake: TunnelIntake): number {
  return intake.keepsToCredit ? longQueueLimit : queueLimit;
}

async function respond(
  handler: UniversalHandler,
  request: UniversalServerRequest,
  intake: TunnelIntake,
  socket: MessageSocket,
  forced: AbortSignal,
): Promise<void> {
  const send = async (message: string | Uint8Array) => {
    const isSent =
      !socket.left.aborted &&
      (await socket.send([message]).then(
        () => true,
        () => false,
      ));
    if (!isSent) {
      // The peer is going. The handler is run to its end all the same, for what was
      // received; but not in one breath, for it may have no end.
      await nextTurn();
    }
  };
  const response = await runToEnforcedEnd(handler, request, forced);
  await send(formatServerHead(response.status, response.header ?? new Headers()));
  for await (const chunk of response.body ?? []) {
    let rest = chunk;
    while (rest.length > 0) {
      if (intake.credit.left === 0 && !socket.left.aborted) {
        socket.readAhead = longQueueLimit;
        await intake.credit.wait(socket.left);
        socket.readAhead = readAheadOf(intake);
        continue;
      }
      const piece = socket.left.aborted ? rest : rest.subarray(0, intake.credit.left);
      intake.credit.spend(piece.length);
      await send(piece);
      rest = rest.subarray(piece.length);
    }
  }
  await send(formatEnd(response.trailer ?? new Headers()));
  socket.end();
}

/**
 * Sees to it that a call ends once its signal is aborted or its deadline has passed, even
 * if its method is deaf: `forced` is aborted when the handler has had its time to end the
 * call itself, and the socket is closed if the client then does not take what is left.
 */
function enforceEnd(upgrade: Upgrade, socket: MessageSocket) {
  const forced = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  const force = () => {
    const reason = ConnectError.from(upgrade.signal.reason, Code.Canceled);
    forced.abort(reason);
    timers.push(setTimeout(() => failWithReason(forced.signal, socket), lastCreditMs));
  };
  const onAbort = () => {
    if (upgrade.signal.aborted && socket.left.aborted) {
      force();
    } else if (upgrade.signal.aborted) {
      timers.push(setTimeout(force, ownEndMs));
    }
  };
  upgrade.signal.addEventListener("abort", onAbort);
  socket.left.addEventListener("abort", onAbort);
  onAbort();
  return {
    forced: forced.signal,
    /** Sets the deadline, as the Connect protocol writes it. */
    by(timeout: string | null) {
      // What is no timeout the handler refuses.
      if (timeout !== null && /^\d{1,10}$/.test(timeout)) {
        const error = new ConnectError("the operation timed out", Code.DeadlineExceeded);
        timers.push(setTimeout(() => upgrade.cancel(error), Number(timeout)));
      }
    },
    dispose() {
      upgrade.signal.removeEventListener("abort", onAbort);
      timers.forEach(clearTimeout);
    },
  };
}
