import { type PlainAnswer, plainAnswer } from "./plain-answer.js";

/**
 * The answer to /livez (the process is alive) and /readyz (it welcomes calls); undefined
 * for every other path.
 */
export function probeAnswer(path: string, isReady: () => boolean): PlainAnswer | undefined {
  switch (path) {
    case "/livez":
      return plainAnswer(200, "ok");
    case "/readyz":
      return isReady() ? plainAnswer(200, "ok") : plainAnswer(503, "not ready");
    default:
      return undefined;
  }
}
