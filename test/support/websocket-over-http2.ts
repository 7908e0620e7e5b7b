import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import type { Duplex } from "node:stream";
import { expect, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import type { TestServer } from "./chatter-server.js";
import type { ClientTls } from "./wires.js";

/** A session with a server that offers WebSockets over HTTP/2, closed after the test. */
export async function openSession(
  { url }: Pick<TestServer, "url">,
  tls: ClientTls = {},
): Promise<ClientHttp2Session> {
  const session = connect(url, tls);
  onTestFinished(() => session.destroy());
  const [settings] = await once(session, "remoteSettings");
  expect(settings).toMatchObject({ enableConnectProtocol: true });
  return session;
}

/** A WebSocket class whose sockets are streams of a session. */
export function webSocketOver(session: ClientHttp2Session): typeof globalThis.WebSocket {
  class Over extends WebSocket {
    constructor(address: string | URL, protocols: string | string[] = []) {
      super(null as never, undefined as never, { autoPong: true } as never);
      const { pathname, search } = new URL(address);
      Object.assign(this, { _isServer: false, _readyState: WebSocket.CONNECTING });
      const stream = session.request({
        ":method": "CONNECT",
        ":protocol": "websocket",
        ":path": pathname + search,
        "sec-websocket-version": "13",
        "sec-websocket-protocol": [protocols].flat().join(", "),
      });
      stream.on("error", () => {});
      stream.once("response", (headers) => {
        expect(headers[":status"]).toBe(200);
        Object.assign(this, { _protocol: headers["sec-websocket-protocol"] ?? "" });
        (this as unknown as { setSocket(...args: unknown[]): void }).setSocket(
          stream as Duplex,
          Buffer.alloc(0),
          { maxPayload: 2 ** 24, allowSynchronousEvents: true },
        );
      });
    }
  }
  return Over as unknown as typeof globalThis.WebSocket;
}
