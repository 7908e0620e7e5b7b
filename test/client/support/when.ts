import { sleep } from "../../support/streams.js";

/** Resolves when a condition holds, checking every 5 ms, for as long as the test may take. */
export async function when(isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    await sleep(5);
  }
}
