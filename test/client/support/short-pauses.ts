import { afterEach, beforeEach, vi } from "vitest";

/** The tests of this file need not wait long between attempts. */
export function shortenPauses(): void {
  beforeEach(() => {
    vi.spyOn(Math, "random").mockReturnValue(0.02);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
}
