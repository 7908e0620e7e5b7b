import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { FairTurns } from "../../src/server/util/fair-turns.js";

function record(perTurn: number) {
  const handed: string[] = [];
  return { handed, turns: new FairTurns<string>(perTurn, (item) => handed.push(item)) };
}

/** Has it begun at once if it may, else in its turn. */
function offer(turns: FairTurns<string>, begin: (item: string) => void, item: string): void {
  if (turns.enter()) {
    begin(item);
  } else {
    turns.add(item, item[0]);
  }
}

test("each owner has a turn, and then each thing of it; a few in one turn of the event loop", async () => {
  const { handed, turns } = record(3);
  for (const item of ["a1", "a2", "a3", "b1", "b2", "c1"]) {
    turns.add(item, item[0]);
  }
  turns.add("a1", "a"); // It keeps its place.
  expect(handed).toEqual([]);
  await nextTurn();
  expect(handed).toEqual(["a1", "b1", "c1"]);
  await nextTurn();
  expect(handed).toEqual(["a1", "b1", "c1", "a2", "b2", "a3"]);
});

test("what is offered begins at once while there is room, and waits behind who waits", async () => {
  const { handed, turns } = record(2);
  const begin = (item: string) => handed.push(item);
  for (const item of ["a1", "a2", "a3", "b1"]) {
    offer(turns, begin, item);
  }
  expect(handed).toEqual(["a1", "a2"]);
  await nextTurn();
  expect(handed).toEqual(["a1", "a2", "a3", "b1"]);
  offer(turns, begin, "c1"); // This turn has had its two.
  expect(handed).toHaveLength(4);
  await nextTurn();
  await nextTurn();
  offer(turns, begin, "d1");
  expect(handed.slice(4)).toEqual(["c1", "d1"]);
});

test("what is taken out is not passed on", async () => {
  const { handed, turns } = record(10);
  turns.add("a1", "a");
  turns.add("b1", "b");
  turns.delete("a1");
  turns.delete("nothing");
  await nextTurn();
  expect(handed).toEqual(["b1"]);
});

test("who waits for all before is called back behind them, and before what came later", async () => {
  const { handed, turns } = record(2);
  for (const item of ["a1", "a2", "a3"]) {
    turns.add(item, "a");
  }
  turns.afterAll(() => handed.push("all"));
  for (const item of ["a4", "a5"]) {
    turns.add(item, "a");
  }
  await nextTurn();
  await nextTurn();
  await nextTurn();
  expect(handed).toEqual(["a1", "a2", "a3", "a4", "all", "a5"]);
  turns.afterAll(() => handed.push("none"));
  await nextTurn();
  expect(handed.at(-1)).toBe("none");
});

test("a turn with time passes on more until it has used that, and waits behind nothing of its own", async () => {
  let usedMs = 0;
  const spy = vi
    .spyOn(process, "cpuUsage")
    .mockImplementation(() => ({ user: 0, system: 1000 * usedMs }));
  onTestFinished(() => spy.mockRestore());
  const clock = vi.spyOn(performance, "now").mockImplementation(() => usedMs);
  onTestFinished(() => clock.mockRestore());
  const handed: string[] = [];
  const hand = async (item: string) => {
    handed.push(item);
    await Promise.resolve();
    await Promise.resolve();
    usedMs += 1;
  };
  const turns = new FairTurns<string>(2, hand, 5);
  for (let i = 1; i <= 20; i++) {
    turns.add(`a${i}`, "a");
  }
  turns.add("b1", "b");
  turns.afterAll(() => handed.push("all"));
  await nextTurn();
  expect(handed).toEqual(["a1", "b1", "a2", "a3", "a4", "a5"]);
  offer(turns, hand, "b2"); // This turn has had its time.
  expect(handed).toHaveLength(6);
  await nextTurn();
  expect(handed.slice(6, 8)).toEqual(["a6", "b2"]);
  for (let turn = 0; turn < 5; turn++) {
    await nextTurn();
  }
  expect(handed).toHaveLength(23);
  expect(handed.at(-1)).toBe("all");
});
