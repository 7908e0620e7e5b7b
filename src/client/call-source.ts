import type { Client } from "@connectrpc/connect";
import type { ChatterService } from "../gen/chatter_pb.js";
import type { TokenSource } from "./token-source.js";

/** What subscriptions, publishers and histories make their calls with. */
export interface CallSource {
  /** Its calls have no token of their own. */
  readonly client: Client<typeof ChatterService>;
  readonly tokens: TokenSource;
  /** Aborted when the client is closed: ends all calls. */
  readonly closing: AbortSignal;
}
