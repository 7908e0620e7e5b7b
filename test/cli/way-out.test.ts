import { writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createAuthority } from "../support/certificates.js";
import { startChatter } from "../support/chatter-server.js";
import { parseLines, runCli } from "../support/cli.js";
import { runHere } from "../support/cli-here.js";
import { tempDir } from "../support/temp-dir.js";

const authority = createAuthority();

/** Trusts the authority of the tests. */
function trusting(): Record<string, string> {
  const file = join(tempDir(), "ca.pem");
  writeFileSync(file, authority.cert);
  return { NODE_EXTRA_CA_CERTS: file };
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `localhost:${(server.address() as AddressInfo).port}`;
}

describe("something in between that speaks HTTP/1.1 alone", () => {
  const wires = ["connect", "grpc", "grpc-web"];

  /** A proxy that forwards everything, in HTTP/1.1, with WebSockets. */
  async function startProxy(target: string, { tls = false } = {}): Promise<string> {
    const { hostname, port } = new URL(target);
    const options = tls ? authority.issue() : {};
    const proxy = tls ? createTlsServer(options) : createServer();
    proxy.on("upgrade", (incoming, socket) => {
      const { url: path, headers } = incoming;
      const outgoing = request({ hostname, port, path, headers });
      outgoing.on("upgrade", (response, upstream) => {
        const head = Object.entries(response.headers).map(([name, value]) => `${name}: ${value}`);
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${head.join("\r\n")}\r\n\r\n`);
        socket.pipe(upstream).pipe(socket);
        socket.on("error", () => upstream.destroy());
        upstream.on("error", () => socket.destroy());
      });
      outgoing.end();
    });
    return `${tls ? "https" : "http"}://${await listening(proxy)}`;
  }

  test.each(wires)("is met with a hint at --protocol ws, which works: %s", async (protocol) => {
    const server = await startChatter();
    for (const tls of [false, true]) {
      const url = await startProxy(server.url, { tls });
      const env = { ...trusting(), CHATTER_URL: url, CHATTER_TOKEN: server.token };
      const { status, stderr } = await runCli(["history", "--protocol", protocol], { env });
      expect(status).toBe(1);
      expect(stderr).toMatch(/^chatter: unavailable: .*HTTP\/2.* try --protocol ws[^\n]*\n$/);
      const ws = await runCli(["echoer", "--protocol", "ws"], { env, input: "hello\n" });
      expect(parseLines(ws.stdout)).toMatchObject([{ message: "hello" }]);
    }
  });
});

test.each(["connect", "grpc", "grpc-web", "ws"])(
  "TLS to a port that has none is called that, and the other way round: %s",
  async (protocol) => {
    const plain = await startChatter();
    const url = plain.url.replace("http:", "https:");
    const args = ["history", "--protocol", protocol, "--token", "t"];
    expect(await runHere([...args, "--url", url])).toMatchObject({
      status: 1,
      stderr: `chatter: unavailable: there is no TLS at ${url}: try ${plain.url}\n`,
    });
    const secure = await startChatter({}, { tls: authority.issue() });
    const http = secure.url.replace("https:", "http:");
    const { status, stderr } = await runHere([...args, "--url", http]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^chatter: unavailable: .*https.*\n$/);
  },
);
