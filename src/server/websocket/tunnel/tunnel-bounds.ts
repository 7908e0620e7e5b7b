import type { DescMethod } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { closeCodes } from "../../../protocol/close-codes.js";
import { openingLimit } from "../../../protocol/tunnel.js";
import type { Upload } from "../../limits/upload-timeouts.js";
import type { SocketGuards } from "../bridge-limits.js";
import {
  anonymousLargeMessage,
  largeOpening,
  tunnelBlocked,
  tunnelBrokenOrder,
} from "../errors.js";
import { type MessageSocket, queueLimit } from "../message-socket.js";
import type { Upgrade } from "../route.js";
import type { TunnelIntake } from "./tunnel-intake.js";

/** The longest header of a frame, with its mask. */
const frameHeaderBytes = 14;

/** How much of a message may arrive before its client is known. */
const unknownBytes = openingLimit + frameHeaderBytes;

/** How long a call may be blocked by output that its client does not read, in milliseconds. */
const blockedMs = 2_500;

/** How long a call without a valid token that has sent too much has to end by itself. */
const unknownMs = 1_000;

/**
 * Limits the memory of one tunnelled call: 16 KiB until its token is known to be valid, and 256 KiB
 * after that, besides one incomplete message. A mounted method that is open to anyone has no token
 * to wait for: it may hold 256 KiB from the start, which count towards the share of callers without
 * a token. Where tokens are not checked, any is valid.
 */
export class TunnelBounds {
  readonly #upgrade: Upgrade;
  readonly #intake: TunnelIntake;
  readonly #guards: SocketGuards | undefined;
  /** Whether the call may hold 256 KiB. */
  #isTrusted: boolean;
  readonly #idle: Upload | undefined;
  #blocked: NodeJS.Timeout | undefined;
  #tooMuch: NodeJS.Timeout | undefined;
  /** Whether part of the response waits for the client to take it. */
  isAnswering = false;

  constructor(
    upgrade: Upgrade,
    intake: TunnelIntake,
    method: DescMethod,
    guards: SocketGuards | undefined,
  ) {
    this.#upgrade = upgrade;
    this.#intake = intake;
    this.#guards = guards;
    this.#isTrusted = guards === undefined || guards.isOpen(method);
    this.#idle = guards?.idle.enter({
      abort: (reason) => upgrade.cancel(reason),
      // A client that has sent everything may wait for the response.
      mayBeSilent: () => intake.ended && !this.isAnswering,
    });
  }

  /**
   * The opening message has arrived: finds out whose call this is; until then nothing more is read.
   */
  begin(opening: Headers, socket: MessageSocket): void {
    if (!this.#guards) {
      this.#open(socket);
      return;
    }
    socket.isHeld = true;
    this.#guards
      .identify(opening)
      .catch(() => undefined) // The call itself ends with that error.
      .then((user) => {
        if (user !== undefined) {
          this.#upgrade.unread.belongTo(user);
          this.#upgrade.authenticated();
          this.#isTrusted = true;
          clearTimeout(this.#tooMuch);
        }
        this.#open(socket);
      });
  }

  /** `bytes` of an incomplete message have arrived. */
  onHalfSent(bytes: number, socket: MessageSocket): void {
    this.moved();
    if (bytes <= unknownBytes || (this.#intake.hasBegun && (this.#isTrusted || socket.isHeld))) {
      return;
    }
    if (!this.#intake.hasBegun) {
      const fault = largeOpening({ most: openingLimit }).message;
      tooBig(socket, tunnelBrokenOrder({ fault, code: Code.ResourceExhausted }));
      return;
    }
    // An error about its token is the better answer, and may be on its way.
    socket.isHeld = true;
    this.#tooMuch ??= setTimeout(() => tooBig(socket, anonymousLargeMessage()), unknownMs);
  }

  /** A message was received or sent. */
  moved(): void {
    if (this.#idle) {
      this.#idle.taken++;
    }
  }

  /**
   * Called when reading stops or resumes. If it stopped because the client does not take its
   * answers, the call would deadlock: the client's credit is queued behind the data that is no
   * longer read.
   */
  onStopped(isStopped: boolean, socket: MessageSocket): void {
    clearInterval(this.#blocked);
    this.#blocked = undefined;
    if (!isStopped) {
      return;
    }
    let bytes = socket.incoming.bytes;
    this.#blocked = setInterval(() => {
      if (this.isAnswering && socket.incoming.bytes === bytes) {
        clearInterval(this.#blocked);
        this.#guards?.onRefused("tunnel_blocked");
        socket.refuse(tunnelBlocked());
      }
      bytes = socket.incoming.bytes;
    }, blockedMs);
  }

  /** The call is over. */
  dispose(): void {
    clearInterval(this.#blocked);
    clearTimeout(this.#tooMuch);
    if (this.#idle) {
      this.#guards?.idle.leave(this.#idle);
    }
  }

  #open(socket: MessageSocket): void {
    if (!this.#isTrusted) {
      socket.readAhead = openingLimit;
    } else if (this.#intake.keepsToCredit) {
      // It is read whatever the method does: a cancellation comes after the body.
      socket.readAhead = Number.POSITIVE_INFINITY;
    } else {
      socket.readAhead = queueLimit;
    }
    socket.isHeld = false;
  }
}

function tooBig(socket: MessageSocket, error: ConnectError): void {
  socket.refuse(error, closeCodes.tooBig);
}
