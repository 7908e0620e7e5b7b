/** What a probe is answered with. */
export interface ProbeAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers?: Record<string, string>;
}

/**
 * The answer to `GET /livez` (the process is alive) and `GET /readyz` (it welcomes calls);
 * undefined for every other path.
 */
export function probeAnswer(
  path: string,
  method: string,
  isReady: () => boolean,
): ProbeAnswer | undefined {
  if (path !== "/livez" && path !== "/readyz") {
    return undefined;
  }
  if (method !== "GET" && method !== "HEAD") {
    return {
      status: 405,
      text: `${method} is not allowed here: use GET`,
      headers: { allow: "GET, HEAD" },
    };
  }
  if (path === "/readyz" && !isReady()) {
    return { status: 503, text: "not ready" };
  }
  return { status: 200, text: "ok", headers: { "cache-control": "no-store" } };
}
