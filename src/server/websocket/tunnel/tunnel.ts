import type { IncomingMessage } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Code, type ContextValues, createContextValues } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { onAbort } from "../../../async/abort.js";
import { closeCodes } from "../../../protocol/close-codes.js";
import { TunnelFault } from "../../../protocol/errors.js";
import {
  formatEnd,
  formatServerOpening,
  heartbeatMs,
  openingTimeoutMs,
  tunnelProtocol,
} from "../../../protocol/tunnel.js";
import { unreadKey } from "../../service/call/context.js";
import type { SocketGuards } from "../bridge-limits.js";
import { openingLate, tunnelBrokenOrder } from "../errors.js";
import type { MessageSocket } from "../message-socket.js";
import type { Message } from "../message-store.js";
import type { Upgrade, WebSocketRoute } from "../route.js";
import { enforceEnd, failWithReason, runToEnforcedEnd } from "./enforced-end.js";
import { isConnectStream } from "./envelope-tracker.js";
import { RequestBody } from "./tunnel-body.js";
import { TunnelBounds } from "./tunnel-bounds.js";
import { TunnelIntake } from "./tunnel-intake.js";
import { callUrl, dropLongTimeout, mergeHeaders } from "./tunnel-request.js";

/** See WebSocketBridgeOptions. */
export interface TunnelOptions {
  readonly handlers?: readonly UniversalHandler[];
  readonly requestPathPrefix?: string;
  readonly contextValues?: (request: IncomingMessage) => ContextValues;
  readonly heartbeatMs?: number;
  readonly guards?: SocketGuards;
}

const emptyMessage = new Uint8Array(0);

/** The routes of the tunnel, one for each handler; docs/tunnel.md describes the wire. */
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
  const bounds = new TunnelBounds(upgrade, intake, handler.method, options.guards);
  const onBeyondCredit = () => options.guards?.onRefused("tunnel_credit");
  const socket = upgrade.accept({
    joins: true,
    keep: (message, from) => {
      bounds.moved();
      return keepBody(intake, from, message, onBeyondCredit);
    },
    onHalfSent: (bytes, from) => bounds.onHalfSent(bytes, from),
    onStopped: (isStopped, from) => bounds.onStopped(isStopped, from),
    // A cut connection says nothing about earlier messages; a close before null takes them back.
    finishes: (code) => code === closeCodes.cut || (intake.ended && code !== closeCodes.canceled),
  });
  const heartbeat = setInterval(() => {
    // That the peer is gone is noticed elsewhere.
    socket.send([emptyMessage]).catch(() => {});
  }, options.heartbeatMs ?? heartbeatMs);
  const end = enforceEnd(upgrade, socket);
  try {
    const opening = await receiveOpening(intake, upgrade, socket);
    if (upgrade.signal.aborted) {
      // For example by the hook: there is no response yet that could say it.
      failWithReason(upgrade.signal, socket);
    } else if (opening !== undefined) {
      bounds.begin(opening, socket);
      const request: UniversalServerRequest = {
        // With 1.x a handler would say that it cannot do bidi, which a WebSocket can.
        httpVersion: "2.0",
        method: "POST",
        url: callUrl(upgrade.request, upgrade.request.url ?? "/"),
        header: mergeHeaders(upgrade.request, opening),
        body: new RequestBody(socket, {
          onCredit: intake.keepsToCredit ? (bytes) => intake.grant(bytes) : undefined,
          isStream: isConnectStream(opening.get("content-type")),
        }),
        signal: upgrade.signal,
        contextValues: (options.contextValues?.(upgrade.request) ?? createContextValues()).set(
          unreadKey,
          upgrade.unread,
        ),
      };
      end.by(request.header.get("connect-timeout-ms"));
      dropLongTimeout(request.header);
      await respond(handler, request, { intake, socket, bounds, forced: end.forced });
    }
  } catch (error) {
    if (!end.forced.aborted) {
      throw error;
    }
    // In the middle of a message: the response cannot say it.
    failWithReason(end.forced, socket);
  } finally {
    clearInterval(heartbeat);
    bounds.dispose();
    end.dispose();
  }
}

/** Whether a message is a chunk of body; closes the socket if it is not allowed now. */
function keepBody(
  intake: TunnelIntake,
  socket: MessageSocket,
  message: Message,
  onBeyondCredit: () => void,
): boolean {
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
    const reason = tunnelBrokenOrder({ fault: error.message, code });
    if (tooBig && intake.hasBegun) {
      onBeyondCredit();
      // A method that does not take it would keep the call, and everything that it holds, for
      // seconds.
      socket.incoming.discard(reason);
    }
    socket.fail(error.closeCode, reason);
    return false;
  }
}

/** The headers of the opening message; undefined if the call ended before they came. */
async function receiveOpening(
  intake: TunnelIntake,
  upgrade: Upgrade,
  socket: MessageSocket,
): Promise<Headers | undefined> {
  const timer = setTimeout(() => {
    socket.fail(closeCodes.openingLate, openingLate({ seconds: openingTimeoutMs / 1000 }));
  }, openingTimeoutMs);
  // Nothing that would need time to end is running yet.
  const ends = [upgrade.signal, upgrade.closing];
  let unsubscribes: (() => void)[] = [];
  const aborted = new Promise<undefined>((resolve) => {
    unsubscribes = ends.map((end) => onAbort(end, () => resolve(undefined)));
  });
  const opening = await Promise.race([intake.opening, aborted]);
  clearTimeout(timer);
  for (const unsubscribe of unsubscribes) {
    unsubscribe();
  }
  return opening;
}

interface Tunnel {
  readonly intake: TunnelIntake;
  readonly socket: MessageSocket;
  readonly bounds: TunnelBounds;
  readonly forced: AbortSignal;
}

async function respond(
  handler: UniversalHandler,
  request: UniversalServerRequest,
  { intake, socket, bounds, forced }: Tunnel,
): Promise<void> {
  const send = async (message: string | Uint8Array) => {
    const isSent =
      !socket.left.aborted &&
      (await socket.send([message]).then(
        () => true,
        () => false,
      ));
    if (!isSent) {
      // The peer is leaving. The handler still runs to its end, for what was received; but not in a
      // single turn, because it may have no end.
      await nextTurn();
    }
  };
  const response = await runToEnforcedEnd(handler, request, forced);
  await send(formatServerOpening(response.status, response.header ?? new Headers()));
  for await (const chunk of response.body ?? []) {
    let rest = chunk;
    while (rest.length > 0) {
      if (intake.credit.left === 0 && !socket.left.aborted) {
        bounds.isAnswering = true;
        await intake.credit.wait(socket.left);
        bounds.isAnswering = false;
        continue;
      }
      const chunk = socket.left.aborted ? rest : rest.subarray(0, intake.credit.left);
      intake.credit.spend(chunk.length);
      bounds.isAnswering = true;
      await send(chunk);
      bounds.isAnswering = false;
      bounds.moved();
      rest = rest.subarray(chunk.length);
    }
  }
  await send(formatEnd(response.trailer ?? new Headers()));
  socket.end();
}
