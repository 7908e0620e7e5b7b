import type { RoomsResponse } from "../gen/chatter_pb.js";
import type { CallSource } from "./call-source.js";
import { checkCount } from "./checks.js";
import type { StateListener } from "./connection-state.js";
import { Reading, resumed } from "./resumed-stream.js";

export interface RoomsOptions {
  /** Only rooms whose name begins with this: "team/" for those below "team". Default: all. */
  readonly prefix?: string | undefined;
  /** Only rooms whose name comes after this one. Default: from the first. */
  readonly after?: string | undefined;
  /** Maximum number of rooms, from 1. Default: all. */
  readonly limit?: number | undefined;
  /** A cursor: later messages are counted in `messagesSince`. Default: none are counted. */
  readonly since?: string | undefined;
  /** Ends reading: the loop throws the signal's reason. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called synchronously with the state of the connection; reading may take several calls. Default:
   * nothing is called.
   */
  readonly onState?: StateListener | undefined;
}

/** Lists the rooms that the options select, by name. Throws a RangeError. */
export function listRooms(source: CallSource, options: RoomsOptions): AsyncIterable<RoomsResponse> {
  if (options.limit !== undefined) {
    checkCount("limit", options.limit, 1);
  }
  return list(source, options);
}

async function* list(
  source: CallSource,
  options: RoomsOptions,
): AsyncGenerator<RoomsResponse, void> {
  const { prefix = "", after = "", limit = Number.POSITIVE_INFINITY, since = "" } = options;
  const reading = new Reading(source, options);
  let left = limit;
  let last = after;
  try {
    const rooms = resumed(reading, {
      open: (options) => {
        const request = { prefix, after: last, limit: Number.isFinite(left) ? left : 0, since };
        return source.client.rooms(request, options);
      },
      isDone: () => left === 0,
    });
    for await (const room of rooms) {
      last = room.room;
      left--;
      yield room;
    }
  } catch (error) {
    throw reading.failed(error);
  } finally {
    reading.close();
  }
}
