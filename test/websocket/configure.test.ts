import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createWebSocketClient } from "../../src/client/tunnel/client.js";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { binary, envelope, openingMessage, openRaw, text } from "../support/websocket-raw.js";
import { aborted, echo, startTunnel, until } from "../support/websocket-service.js";

const globalWebSocket = globalThis.WebSocket;

afterEach(() => {
  globalThis.WebSocket = globalWebSocket;
});

test("the options of ws can be set for all endpoints, and otherwise for one", async () => {
  const { port } = await startTunnel(
    { echoer: echo, listener: () => new Promise(() => {}) },
    {
      socket: { maxPayload: 1000, perMessageDeflate: true },
      endpoints: { "/chatter.v1.ChatterService/Listener": { socket: { maxPayload: 3000 } } },
    },
  );
  const headers = { "Sec-WebSocket-Extensions": "permessage-deflate" };
  const codes: (number | undefined)[] = [];
  for (const [method, length] of [
    ["Echoer", 2000],
    ["Listener", 2000],
    ["Listener", 4000],
  ] as const) {
    const raw = await openRaw(port, method, { headers }).opened();
    expect(raw.head).toContain("permessage-deflate");
    raw.write(openingMessage(), binary("x".repeat(length)));
    await Promise.race([raw.closed(), new Promise((resolve) => setTimeout(resolve, 300))]);
    codes.push(raw.closeCode);
    raw.socket.destroy();
  }
  expect(codes).toEqual([1009, undefined, 1009]);
});

test("nothing is compressed unless it is asked for", async () => {
  const { port } = await startTunnel({ echoer: echo });
  const headers = { "Sec-WebSocket-Extensions": "permessage-deflate" };
  const raw = await openRaw(port, "Echoer", { headers }).opened();
  expect(raw.head).not.toContain("permessage-deflate");
});

test("a server's hook sees socket and request, and can cancel the call with an error of its own", async () => {
  const reasons: unknown[] = [];
  const { client } = await startTunnel(
    {
      async *subscribe(_, { signal }) {
        yield { message: "first" };
        await aborted(signal);
        reasons.push(signal.reason);
        throw signal.reason;
      },
    },
    {
      configure(socket, call) {
        expect(socket).toBeInstanceOf(WebSocket);
        expect(call.request.headers["x-plan"]).toBe("free");
        const timer = setTimeout(
          () => call.cancel(new ConnectError("five minutes are over", Code.ResourceExhausted)),
          50,
        );
        socket.once("close", () => clearTimeout(timer));
      },
    },
  );
  const events = client({ webSocketOptions: { headers: { "X-Plan": "free" } } }).subscribe({});
  const iterator = events[Symbol.asyncIterator]();
  expect((await iterator.next()).value?.message).toBe("first");
  await expect(iterator.next()).rejects.toMatchObject({
    code: Code.ResourceExhausted,
    rawMessage: "five minutes are over",
  });
  expect(reasons).toMatchObject([{ code: Code.ResourceExhausted }]);
});

test.each(["Login", "Listener", "History", "Echoer"])(
  "a call of %s that the hook cancels at once is closed at once, and never reaches its handler",
  async (method) => {
    let entered = 0;
    const enter = () => {
      entered++;
      return {};
    };
    async function* enterStream() {
      yield enter();
    }
    const { port, bridge } = await startTunnel(
      { login: enter, listener: async () => enter(), history: enterStream, echoer: enterStream },
      { configure: (_, call) => call.cancel(new ConnectError("no", Code.ResourceExhausted)) },
    );
    const silent = openRaw(port, method);
    const whole = openRaw(port, method).write(
      openingMessage(method === "Login" ? { "content-type": ["application/json"] } : {}),
      binary(method === "Login" ? "{}" : envelope("{}")),
      text("null"),
    );
    for (const raw of [silent, whole]) {
      await raw.closed(2_000);
      expect([raw.closeCode, raw.closeReason, raw.texts]).toEqual([4008, "no", []]);
    }
    await until(() => bridge.openCalls === 0);
    expect(entered).toBe(0);
  },
);

test("a hook that fails is 1011, and is reported", async () => {
  const { port, faults, bridge } = await startTunnel(
    { echoer: echo },
    {
      configure() {
        throw new Error("no");
      },
    },
  );
  const raw = openRaw(port, "Echoer").write(openingMessage());
  await raw.closed();
  expect(raw.closeCode).toBe(1011);
  expect(faults.splice(0)).toMatchObject([{ message: "no" }]);
  await until(() => bridge.openCalls === 0);
});

test("a client's hook sees the socket and where it goes, and can cancel the call", async () => {
  const { client, url } = await startTunnel({ login: () => ({}) });
  const seen: string[] = [];
  const chatter = client({
    configure(socket, call) {
      expect(socket).toBeInstanceOf(WebSocket);
      seen.push(call.url);
      if (seen.length > 1) {
        call.cancel(new ConnectError("one is enough", Code.FailedPrecondition));
      }
    },
  });
  await chatter.login({});
  await expect(chatter.login({})).rejects.toMatchObject({ code: Code.FailedPrecondition });
  const socketUrl = `${url.replace("http", "ws")}/chatter.v1.ChatterService/Login`;
  expect(seen).toEqual([socketUrl, socketUrl]);
});

test("the global WebSocket is taken where there is one; without any, the client says what to do", async () => {
  Reflect.deleteProperty(globalThis, "WebSocket");
  expect(() => createWebSocketTransport({ baseUrl: "http://localhost" })).toThrow(
    /set "webSocket"/,
  );
  globalThis.WebSocket = WebSocket as unknown as typeof globalThis.WebSocket;
  const { client } = await startTunnel({ login: () => ({ token: "t" }) });
  expect((await client({ webSocket: undefined }).login({})).token).toBe("t");
});

test("a token goes in the opening message, and neither in the URL nor in the handshake", async () => {
  let handshake: unknown;
  let authorization: string | null = null;
  const { client } = await startTunnel(
    {
      login(_, { requestHeader }) {
        authorization = requestHeader.get("authorization");
        return {};
      },
    },
    {
      configure(_, { request }) {
        handshake = [request.url, request.rawHeaders];
      },
    },
  );
  await client().login({}, { headers: { authorization: "Bearer SECRET" } });
  expect(authorization).toBe("Bearer SECRET");
  expect(JSON.stringify(handshake)).not.toContain("SECRET");
});

test("the client carries POST requests only", async () => {
  const client = createWebSocketClient({ webSocket: WebSocket });
  const request = { url: "http://127.0.0.1/", method: "GET", header: new Headers() };
  await expect(client(request)).rejects.toMatchObject({ code: Code.Unimplemented });
});
