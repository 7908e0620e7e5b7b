/** Maximum number of origins that are remembered: a client can send any number of them. */
const maxOrigins = 100;

/** Passes each origin whose pages were refused on once, and at most 100 of them. */
export function createRefusedOrigins(onFirst: (origin: string) => void): (origin: string) => void {
  const known = new Set<string>();
  return (origin) => {
    if (known.size < maxOrigins && !known.has(origin)) {
      known.add(origin);
      onFirst(origin.slice(0, 256));
    }
  };
}
