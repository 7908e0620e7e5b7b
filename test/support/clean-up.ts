import { afterAll, afterEach } from "vitest";

// What modules of `support` do after each test, or each file of tests. Files share these modules, so
// that a hook in one of them would be registered for the first file alone.

type CleanUp = () => void | Promise<void>;

const afterTests = new Set<CleanUp>();
const afterFiles = new Set<CleanUp>();

/** Has this called after each test, of whatever file. */
export function afterEachTest(cleanUp: CleanUp): void {
  afterTests.add(cleanUp);
}

/** Has this called when the tests of a file have ended, of each file. */
export function afterEachFile(cleanUp: CleanUp): void {
  afterFiles.add(cleanUp);
}

/** Registers the hooks, for one file of tests. */
export function registerCleanUps(): void {
  afterEach(() => runAll(afterTests));
  afterAll(() => runAll(afterFiles));
}

/** The last registered first: what is in a folder ends before the folder does. */
async function runAll(cleanUps: Set<CleanUp>): Promise<void> {
  const reasons: unknown[] = [];
  for (const cleanUp of [...cleanUps].reverse()) {
    try {
      await cleanUp();
    } catch (error) {
      reasons.push(error);
    }
  }
  if (reasons.length > 0) {
    throw reasons.length === 1 ? reasons[0] : new AggregateError(reasons, "cleaning up failed");
  }
}
