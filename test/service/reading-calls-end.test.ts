import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { startChatter } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { collect, errorOf, until } from "../support/streams.js";
import { clientOf, deadlineHeader, mainWires } from "../support/wires.js";

/*
 * A call that reads ends once, when its last message is sent, for everybody who observes it: the
 * client, the call log, the count of open calls, and foreign interceptors, with which the server
 * takes another path inside.
 */

interface Seen {
  /** The lines of the call log. */
  readonly lines: Record<string, unknown>[];
  /** What the interceptor has seen of the ends. */
  readonly ends: string[];
}

async function start(withInterceptor: boolean, log = createMemoryLog()) {
  const seen: Seen = { lines: [], ends: [] };
  const write = (fields: object) => void seen.lines.push({ ...fields });
  const server = await startChatter({
    log,
    logger: { info: write, error: write },
    interceptors: withInterceptor ? [endsTo(seen.ends)] : [],
  });
  return { server, ...seen };
}

function endsTo(ends: string[]): Interceptor {
  return (next) => async (request) => {
    const response = await next(request);
    if (!response.stream) {
      return response;
    }
    async function* messages() {
      try {
        yield* response.message as AsyncIterable<never>;
        ends.push("ok");
      } catch (error) {
        ends.push(Code[ConnectError.from(error).code]!);
        throw error;
      }
    }
    return { ...response, message: messages() };
  };
}

describe.each(mainWires)("$name", (wire) => {
  describe.each([false, true])("another interceptor: %s", (other) => {
    test("history that is read to its end", async () => {
      const { server, lines, ends } = await start(other);
      await fill(server.log, numbered(3));
      const { headers } = server;
      expect(await collect(clientOf(server, wire).history({}, { headers }))).toHaveLength(3);
      await until(() => server.chatter.openCalls === 0, "the call is over");
      expect(lines).toMatchObject([{ method: "chatter.v1.ChatterService/History", code: "ok" }]);
      expect(ends).toEqual(other ? ["ok"] : []);
    });

    test("history of a log that fails on the way", async () => {
      const log = createMemoryLog();
      await fill(log, numbered(3));
      log.read = () => {
        throw new ConnectError("messages 1 to 3 are damaged", Code.DataLoss, { found: "yes" });
      };
      const { server, lines, ends } = await start(other, log);
      const { headers } = server;
      const error = await errorOf(clientOf(server, wire).history({}, { headers }));
      expect([error.code, error.rawMessage]).toEqual([
        Code.DataLoss,
        "messages 1 to 3 are damaged",
      ]);
      expect(error.metadata.get("found")).toBe("yes");
      await until(() => server.chatter.openCalls === 0, "the call is over");
      expect(lines).toMatchObject([{ code: "data_loss", user: "goa" }]);
      expect(ends).toEqual(other ? ["DataLoss"] : []);
    });

    test("a fault that is not a ConnectError stays inside", async () => {
      const log = createMemoryLog();
      await fill(log, numbered(3));
      log.read = () => {
        throw new Error("a secret");
      };
      const { server, lines } = await start(other, log);
      const { headers } = server;
      const error = await errorOf(clientOf(server, wire).history({}, { headers }));
      expect([error.code, error.rawMessage]).toEqual([Code.Internal, "internal error"]);
      expect(lines).toMatchObject([{ code: "internal", err: { message: "a secret" } }]);
    });

    test("a subscription at its deadline", async () => {
      const { server, lines } = await start(other);
      const headers = { ...server.headers, ...deadlineHeader(wire, 200) };
      const error = await errorOf(clientOf(server, wire).subscribe({}, { headers }));
      expect([error.code, error.rawMessage]).toEqual([
        Code.DeadlineExceeded,
        "the operation timed out",
      ]);
      await until(() => server.chatter.openCalls === 0, "the call is over");
      expect(lines).toMatchObject([{ code: "deadline_exceeded" }]);
    });

    test("a subscription whose client leaves", async () => {
      const { server, lines } = await start(other);
      const leaving = new AbortController();
      const options = { headers: server.headers, signal: leaving.signal };
      const ended = errorOf(clientOf(server, wire).subscribe({}, options));
      await until(() => server.chatter.openCalls === 1, "the call is under way");
      expect(lines).toEqual([]);
      leaving.abort();
      expect((await ended).code).toBe(Code.Canceled);
      await until(() => server.chatter.openCalls === 0, "the call is over");
      expect(lines).toMatchObject([
        { method: "chatter.v1.ChatterService/Subscribe", user: "goa", code: "canceled" },
      ]);
    });

    test("a subscription at the server's stop", async () => {
      const { server, lines } = await start(other);
      const { headers } = server;
      const ended = errorOf(clientOf(server, wire).subscribe({}, { headers }));
      await until(() => server.chatter.openCalls === 1, "the call is under way");
      await server.chatter.stop();
      const error = await ended;
      expect([error.code, error.rawMessage]).toEqual([Code.Unavailable, "the server is stopping"]);
      expect(lines).toMatchObject([{ code: "unavailable" }]);
    });
  });
});
