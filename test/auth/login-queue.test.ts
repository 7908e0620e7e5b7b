import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createLoginQueue } from "../../src/server/auth/login-queue.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { createUsers, newUser } from "../../src/server/auth/users/users.js";
import { refusalText } from "./connect-errors.js";
import { secret } from "./forged-token.js";

/** A signal of its own for each call, as every call has one. */
const never = () => new AbortController().signal;

/** A task that ends when the test says so, and how many of its kind are running. */
function createTasks() {
  const ends: (() => void)[] = [];
  let running = 0;
  let most = 0;
  return {
    task: async () => {
      running++;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => ends.push(resolve));
      running--;
    },
    started: () => ends.length,
    most: () => most,
    /** Ends the task that started last and lets what follows from it happen. */
    endOne: async () => {
      ends.at(-1)!();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe("the queue", () => {
  test("runs one at a time, in the order of arrival", async () => {
    const queue = createLoginQueue();
    const tasks = createTasks();
    const order: number[] = [];
    const all = [0, 1, 2, 3].map((n) => queue.run(tasks.task, never()).then(() => order.push(n)));
    for (let n = 1; n <= 4; n++) {
      expect(tasks.started()).toBe(n);
      await tasks.endOne();
    }
    await Promise.all(all);
    expect(order).toEqual([0, 1, 2, 3]);
    expect(tasks.most()).toBe(1);
  });

  test("answers with what the task answers, and continues after one that fails", async () => {
    const queue = createLoginQueue();
    const fault = new Error("scrypt failed");
    const failing = queue.run(() => Promise.reject(fault), never());
    const next = queue.run(async () => 7, never());
    await expect(failing).rejects.toBe(fault);
    expect(await next).toBe(7);
    expect(await queue.run(async () => 8, never())).toBe(8);
  });

  test("refuses whoever comes when it is full, and only then", async () => {
    const queue = createLoginQueue({ maxWaiting: 2 });
    const tasks = createTasks();
    const all = [1, 2, 3].map(() => queue.run(tasks.task, never()));
    expect(await refusalText(() => queue.run(tasks.task, never()))).toBe(
      "ResourceExhausted: 2 logins are waiting already: try again later",
    );
    await tasks.endOne();
    all.push(queue.run(tasks.task, never()));
    for (let n = 0; n < 3; n++) {
      await tasks.endOne();
    }
    await Promise.all(all);
    expect(tasks.started()).toBe(4);
  });

  test("gives up the place of one who leaves", async () => {
    const queue = createLoginQueue({ maxWaiting: 1 });
    const tasks = createTasks();
    const first = queue.run(tasks.task, never());
    const leaver = new AbortController();
    const left = queue.run(tasks.task, leaver.signal);
    leaver.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    const second = queue.run(tasks.task, never());
    await tasks.endOne();
    await tasks.endOne();
    await Promise.all([first, second]);
    expect(tasks.started()).toBe(2);
  });

  test("starts nothing for one who has left before", async () => {
    const tasks = createTasks();
    const gone = AbortSignal.abort(new Error("gone"));
    await expect(createLoginQueue().run(tasks.task, gone)).rejects.toThrow("gone");
    expect(tasks.started()).toBe(0);
  });

  test("leaves no listener on a signal", async () => {
    const queue = createLoginQueue();
    const tasks = createTasks();
    const { signal } = new AbortController();
    const all = [queue.run(tasks.task, signal), queue.run(tasks.task, signal)];
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await tasks.endOne();
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    await tasks.endOne();
    await Promise.all(all);
  });
});

describe("logins", async () => {
  const tokens = createTokens({ key: await parseSigningKey(secret, "test") });
  const cost = { logN: 10, r: 8, p: 1 };
  const goa = await newUser({ name: "goa", password: "rocks", scopes: [], cost });

  test("take their turns: 65 at once are served, the next is refused", async () => {
    const auth = createAuth({ users: createUsers([goa]), tokens });
    const all = Array.from({ length: 65 }, () => auth.login("goa", "rocks", never()));
    expect(await refusalText(() => auth.login("goa", "rocks", never()))).toBe(
      "ResourceExhausted: 64 logins are waiting already: try again later",
    );
    expect(await Promise.all(all)).toHaveLength(65);
    expect(await auth.login("goa", "rocks", never())).toHaveProperty("token");
  });

  test("leave with their signal's reason", async () => {
    const auth = createAuth({ users: createUsers([goa]), tokens });
    const first = auth.login("goa", "rocks", never());
    const leaver = new AbortController();
    const left = auth.login("goa", "rocks", leaver.signal);
    leaver.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    await first;
  });
});
