import type { ChatterClient } from "../chatter-client.js";
import type { StateListener } from "../connection-state.js";
import type { Subscription } from "../subscription.js";

interface LiveOptions {
  /** Names and patterns of rooms. */
  readonly rooms: readonly string[];
  readonly signal: AbortSignal;
  readonly onState?: StateListener | undefined;
}

/**
 * Subscribes from now on, and resolves when the server has accepted it: the subscription's cursor
 * is then where it starts, the head. Rejects as the subscription's loop does, and with the signal's
 * reason.
 */
export function subscribeLive(
  chatter: ChatterClient,
  { rooms, signal, onState }: LiveOptions,
): Promise<Subscription> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const subscription = chatter.subscribe({
      rooms,
      signal,
      onState(state) {
        onState?.(state);
        if (state.status === "live") {
          resolve(subscription);
        } else if (state.status === "closed") {
          reject(state.reason ?? signal.reason);
        }
      },
    });
  });
}
