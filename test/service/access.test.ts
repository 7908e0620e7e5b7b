import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { FaultyLog } from "../support/faulty-log.js";
import { ignoringRoutes, OtherService } from "../support/ignoring-service.js";
import { errorOf } from "../support/streams.js";
import { clientOf, mainWires, transportOf, wires } from "../support/wires.js";

type Server = Awaited<ReturnType<typeof startChatter>>;

/** A log that no call may touch. */
class Untouched extends FaultyLog {
  touched = 0;
  override beforeAppend = () => {
    this.touched++;
  };
  override read(...args: Parameters<FaultyLog["read"]>) {
    this.touched++;
    return super.read(...args);
  }
  override listen(...args: Parameters<FaultyLog["listen"]>) {
    this.touched++;
    return super.listen(...args);
  }
}

async function* one() {
  yield { message: "x" };
}

function callsOf(server: Server, wire: (typeof wires)[number], authorization: string | undefined) {
  const client = clientOf(server, wire);
  // An empty value overrides the test client's own token.
  const options = { headers: { authorization: authorization ?? "" } };
  return {
    Listener: () => client.listener(one(), options),
    Summary: () => client.summary(one(), options),
    Subscribe: () => client.subscribe({}, options),
    History: () => client.history({}, options),
    ...(wire.http === "2" ? { Echoer: () => client.echoer(one(), options) } : {}),
  };
}

describe.each(mainWires)("over $name", (wire) => {
  test("a missing, bad or expired token never enters a method", async () => {
    const log = new Untouched();
    const server = await startChatter({ log });
    const [head, body, signature] = server.token.split(".");
    const { token: foreign } = await server.tokens.issue({ subject: "eve", scopes: [] });
    const bad = {
      "no token": [undefined, 'missing token: send "Authorization: Bearer TOKEN"'],
      "an empty token": ["Bearer ", 'missing token: send "Authorization: Bearer TOKEN"'],
      "no JWT": ["Bearer nonsense", "invalid token"],
      "a changed payload": [
        `Bearer ${head}.${foreign.split(".")[1]}.${signature}`,
        "invalid token",
      ],
      "no signature": [`Bearer ${head}.${body}.`, "invalid token"],
    } as const;
    for (const [name, [authorization, text]] of Object.entries(bad)) {
      for (const [method, call] of Object.entries(callsOf(server, wire, authorization))) {
        const error = await errorOf(call());
        expect([name, method, Code[error.code], error.rawMessage]).toEqual([
          name,
          method,
          "Unauthenticated",
          text,
        ]);
      }
    }
    expect(log.touched).toBe(0);
  });

  test("a token without the scope never enters a method", async () => {
    const log = new Untouched();
    const server = await startChatter({ log });
    const tokenFor = async (...scopes: string[]) =>
      `Bearer ${(await server.tokens.issue({ subject: "goa", scopes })).token}`;
    const reader = callsOf(server, wire, await tokenFor("stream:read"));
    const nobody = callsOf(server, wire, await tokenFor());
    const { Subscribe: _, History: __, ...posting } = reader;
    for (const call of [...Object.values(posting), ...Object.values(nobody)]) {
      const error = await errorOf(call());
      expect([Code[error.code], error.rawMessage]).toEqual([
        "PermissionDenied",
        "invalid scopes in token",
      ]);
    }
    expect(log.touched).toBe(0);
    await expect(errorOf(reader.History())).rejects.toThrow("it ended well");
  });

  test("a wrong password, and half of the credentials, are refused", async () => {
    const server = await startChatter();
    const client = clientOf(server, wire);
    const refused = async (
      user: string,
      password: string,
      authorization = "",
    ): Promise<[string, string]> => {
      const error = await errorOf(client.login({ user, password }, { headers: { authorization } }));
      return [Code[error.code]!, error.rawMessage];
    };
    const mismatch = ["Unauthenticated", "invalid username and password combination"];
    expect(await refused("goa", "wrong")).toEqual(mismatch);
    expect(await refused("nobody", "rocks")).toEqual(mismatch);
    expect(await refused("", "", `Basic ${btoa("goa:wrong")}`)).toEqual(mismatch);
    expect((await refused("goa", ""))[0]).toBe("InvalidArgument");
    expect((await refused("", "rocks"))[0]).toBe("InvalidArgument");
    expect((await refused("", ""))[0]).toBe("InvalidArgument");
  });
});

test("a service mounted beside Chatter's needs a token of any scope", async () => {
  const entered = { count: 0 };
  const server = await startChatter({ routes: ignoringRoutes(entered) });
  const client = createClient(
    OtherService,
    transportOf(wires[1]!, server.url),
  ) as unknown as Record<string, (input: object) => Promise<unknown>>;
  const error = await errorOf(client.unary!({}));
  expect(Code[error.code]).toBe("Unauthenticated");
  expect(entered.count).toBe(0);
});
