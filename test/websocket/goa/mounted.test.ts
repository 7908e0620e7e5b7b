import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketTransport } from "../../../src/client/tunnel/transport.js";
import { UsageError } from "../../../src/errors/usage-error.js";
import { ChatterService } from "../../../src/gen/chatter_pb.js";
import { checkSettings } from "../../../src/server/settings/settings.js";
import { createWebSocketBridge } from "../../../src/server/websocket/bridge.js";
import { startChatter } from "../../support/chatter-server.js";
import { startServe } from "../../support/serve.js";
import { collect } from "../../support/streams.js";
import { tempDir } from "../../support/temp-dir.js";
import { RawSocket, text } from "../../support/websocket-raw.js";
import { answerOf, openFrames, openGoa, storedTexts } from "./client.js";

test("both dialects and HTTP share one port, one log and one set of interceptors, run once a call", async () => {
  const calls: string[] = [];
  const count: Interceptor = (next) => (request) => {
    calls.push(request.method.name);
    return next(request);
  };
  const server = await startChatter({ interceptors: [count] });
  const tunnel = createClient(
    ChatterService,
    createWebSocketTransport({ baseUrl: server.url, webSocket: WebSocket }),
  );
  const echo = await openGoa(server, "/echoer");
  echo.send("goa", null);
  await echo.closed();
  const answers = await collect(
    tunnel.echoer(createAsyncIterable([{ message: "tunnel" }]), { headers: server.headers }),
  );
  expect(answers).toMatchObject([{ message: "tunnel", sequence: 2n }]);
  const history = await openGoa(server, "/history");
  await history.closed();
  expect(history.messages).toMatchObject([{ message: "goa" }, { message: "tunnel" }]);
  expect(calls).toEqual(["Echoer", "Echoer", "History"]);
});

test("a call of goa's dialect that the configure hook cancels at once is closed so, and nothing is stored", async () => {
  const server = await startChatter({
    webSocket: {
      endpoints: {
        "/echoer": {
          configure: (_, call) => call.cancel(new ConnectError("no", Code.ResourceExhausted)),
        },
      },
    },
  });
  const raw = openFrames(server, "/echoer").write(text('"a"'), text("null"));
  await raw.closed();
  expect([raw.closeCode, raw.closeReason, raw.texts]).toEqual([4008, "no", []]);
  expect(await storedTexts(server)).toEqual([]);
});

describe("a POST with Upgrade: h2c gets the answer that it would have had without", () => {
  const offer = {
    connection: "Upgrade, HTTP2-Settings",
    upgrade: "h2c",
    "http2-settings": "AAMAAABk",
  };

  test.each([
    ["/login", { authorization: `Basic ${Buffer.from("goa:rocks").toString("base64")}` }, 200],
    ["/login", {}, 400],
    ["/subscribe", {}, 405],
    ["/nowhere", {}, 404],
  ])("%s %j", async (path, headers, status) => {
    const server = await startChatter();
    expect((await answerOf(server, path, "POST", headers)).status).toBe(status);
    expect((await answerOf(server, path, "POST", { ...headers, ...offer })).status).toBe(status);
  });

  test("with a body, at a Connect path", async () => {
    const server = await startChatter();
    const body = JSON.stringify({ user: "goa", password: "rocks" });
    const raw = new RawSocket(Number(new URL(server.url).port), {
      path: "/chatter.v1.ChatterService/Login",
      method: "POST",
      headers: {
        Connection: "Upgrade",
        Upgrade: "h2c",
        "Content-Type": "application/json",
        "Content-Length": String(body.length),
      },
    });
    raw.socket.write(body);
    await raw.opened();
    expect(raw.status).toBe(200);
  });
});

test("a streaming method that is bound to another verb than GET is refused when the routes are made", () => {
  const route = { path: "/echoer", method: "POST", handle: async () => {} };
  expect(() => createWebSocketBridge({ routes: [route] })).toThrow(
    /\/echoer .* GET: it cannot be bound to POST/,
  );
});

describe("--allowed-origins", () => {
  const given = { demo: true };

  test("is a list with commas, empty unless given", () => {
    expect(checkSettings(given).listen.allowedOrigins).toEqual([]);
    const allowedOrigins = "https://app.example, http://localhost:5173";
    expect(checkSettings({ ...given, allowedOrigins }).listen.allowedOrigins).toEqual([
      "https://app.example",
      "http://localhost:5173",
    ]);
  });

  test.each(["app.example", "https://app.example/", "*", "https://a.example,", "null"])(
    "%s is refused, naming the flag and what is right",
    (allowedOrigins) => {
      expect(() => checkSettings({ ...given, allowedOrigins })).toThrow(UsageError);
      expect(() => checkSettings({ ...given, allowedOrigins })).toThrow(
        /--allowed-origins.*https:\/\/app\.example/,
      );
    },
  );

  test("opens the server to the pages of these", async () => {
    const serve = await startServe(["--demo", "--log", "memory", "--data-dir", tempDir()], {
      CHATTER_ALLOWED_ORIGINS: "https://app.example",
    });
    const port = Number(new URL(serve.url).port);
    for (const [origin, status] of [
      ["https://app.example", 400],
      ["https://evil.example", 403],
    ] as const) {
      const raw = new RawSocket(port, { path: "/subscribe", headers: { Origin: origin } });
      expect((await raw.opened()).status).toBe(status);
    }
  });
});
