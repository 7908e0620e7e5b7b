/** A variable that looks like a setting. */
export interface UnknownVariable {
  readonly name: string;
  /** A known variable that it may be a misspelling of. */
  readonly nearest: string | undefined;
}

/**
 * The variables that Kubernetes sets in every pod for a service that is called "chatter", or
 * "chatter-something": CHATTER_SERVICE_HOST, CHATTER_PORT_8080_TCP_ADDR.
 */
const ofKubernetes = [
  /_SERVICE_(?:HOST|PORT)$/,
  /_SERVICE_PORT_[A-Z0-9_]/,
  /_PORT_\d{1,5}_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/,
];

/** Variables of the tests, which may be set where a server is tried out. */
const ofTests = "CHATTER_TEST_";

/** How many letters may differ from a known name. */
const maxDistance = 2;

/** The variables called CHATTER_… that nothing reads, in order of their names. */
export function findUnknownVariables(
  environment: NodeJS.ProcessEnv,
  known: readonly string[],
): UnknownVariable[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith("CHATTER_") && !known.includes(name))
    .filter((name) => !name.startsWith(ofTests) && !isOfKubernetes(name, environment[name]!))
    .sort()
    .map((name) => ({ name, nearest: nearestOf(name, known) }));
}

function isOfKubernetes(name: string, value: string): boolean {
  return (
    ofKubernetes.some((form) => form.test(name)) ||
    (name.endsWith("_PORT") && /^(tcp|udp|sctp):\/\//.test(value))
  );
}

function nearestOf(name: string, known: readonly string[]): string | undefined {
  const distances = known.map((other) => ({ other, distance: distanceOf(name, other) }));
  const nearest = distances.reduce((a, b) => (b.distance < a.distance ? b : a));
  return nearest.distance <= maxDistance ? nearest.other : undefined;
}

/** How many letters have to be added, dropped or changed to turn one into the other. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
