import type { Attack } from "./attack.js";
import { http1Attacks } from "./http1-attacks.js";
import { http2Attacks } from "./http2-attacks.js";
import { webSocketAttacks } from "./websocket-attacks.js";

/** Every attack, those that need no token first. */
export const attacks: readonly Attack[] = [
  ...http2Attacks,
  ...http1Attacks,
  ...webSocketAttacks,
].toSorted((a, b) => Number(a.withToken) - Number(b.withToken));
