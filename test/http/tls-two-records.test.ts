import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { expect, onTestFinished, test } from "vitest";
import { createAuthority } from "../support/certificates.js";
import { startChatter } from "../support/chatter-server.js";
import { fill } from "../support/fill.js";
import { requireAll } from "../support/log-messages.js";
import { sleep, until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";

const authority = createAuthority();
const { cert: ca } = authority;
const pair = authority.issue();

/** More than the system buffers for a client that does not read. */
const messages = 250;
const text = "x".repeat(60_000);

async function start() {
  const server = await startChatter({}, { tls: pair });
  await fill(
    server.log,
    Array.from({ length: messages }, () => text),
  );
  return { ...server, port: Number(new URL(server.url).port) };
}

/** A connection under TLS whose client can stop reading, and send several records in one packet. */
class Wire extends Duplex {
  readonly #socket: Socket;
  #held: Buffer[] | undefined;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on("data", (chunk) => this.push(chunk));
    socket.on("end", () => this.push(null)).on("error", () => this.destroy());
  }

  override _read(): void {}

  override _write(chunk: Buffer, _: string, done: () => void): void {
    if (this.#held) {
      this.#held.push(chunk);
    } else {
      this.#socket.write(chunk);
    }
    done();
  }

  /** Holds back what is written. */
  hold(): void {
    this.#held = [];
  }

  /** In how many chunks TLS has written what is held back. */
  get held(): number {
    return this.#held?.length ?? 0;
  }

  /** Sends all of it at once. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#socket.write(Buffer.concat(held));
  }
}

function head(path: string, type: string, length: number, token = ""): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`;
}

test("headers and body of a request in two records, behind an answer that is not read yet, are served", async () => {
  const { port, token, chatter } = await start();
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  const wire = new Wire(socket);
  const tls = connectTls({
    socket: wire,
    ca,
    servername: "localhost",
    ALPNProtocols: ["http/1.1"],
  });
  tls.on("error", () => {}); // That nothing more came is checked below.
  await once(tls, "secureConnect");

  const body = Buffer.from(encodeEnvelope(0, Buffer.from("{}")));
  const path = "/chatter.v1.ChatterService/History";
  tls.write(
    Buffer.concat([Buffer.from(head(path, "application/connect+json", body.length, token)), body]),
  );
  await until(() => chatter.openCalls === 1, "the history is under way");
  socket.pause();
  await sleep(500); // until the server has filled all buffers

  wire.hold();
  tls.write(head("/grpc.health.v1.Health/Check", "application/json", 2));
  tls.write("{}");
  await until(() => wire.held === 2, "there are two records");
  wire.release();

  let received = 0;
  let tail = "";
  let isClosed = false;
  tls.on("data", (chunk: Buffer) => {
    received += chunk.length;
    tail = (tail + chunk.toString("latin1")).slice(-2_000);
  });
  tls.on("close", () => {
    isClosed = true;
  });
  await sleep(100);
  socket.resume();
  await until(() => isClosed || tail.includes('"SERVING"'), "the second request is answered");
  expect(received).toBeGreaterThan(messages * text.length);
  expect(tail).toContain('"SERVING"');
  expect(isClosed).toBe(false);
});

const hasGo = spawnSync("go", ["version"]).status === 0;
if (!hasGo && !requireAll) {
  console.warn("skipped: there is no go here");
}

const goClient = `package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"time"
)

// A client of net/http on HTTP/1.1 that reads large answers slowly; every other request's headers
// and body go out in records of their own.
func main() {
	url, token := os.Args[1], os.Args[2]
	pem, _ := os.ReadFile(os.Args[3])
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{"http/1.1"}},
		MaxConnsPerHost: 1,
	}}
	connections := 0
	trace := &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		if !got.Reused {
			connections++
		}
	}}
	call := func(path, contentType string, body io.Reader) int64 {
		request, _ := http.NewRequest("POST", url+path, body)
		request = request.WithContext(httptrace.WithClientTrace(request.Context(), trace))
		request.Header.Set("Content-Type", contentType)
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := client.Do(request)
		if err != nil {
			fmt.Println(path, err)
			os.Exit(1)
		}
		time.Sleep(100 * time.Millisecond)
		bytes, err := io.Copy(io.Discard, response.Body)
		if err != nil || response.StatusCode != 200 {
			fmt.Println(path, response.Status, err)
			os.Exit(1)
		}
		response.Body.Close()
		return bytes
	}
	var bytes int64
	for i := 0; i < 4; i++ {
		bytes = call("/chatter.v1.ChatterService/History", "application/connect+json", strings.NewReader("\\x00\\x00\\x00\\x00\\x02{}"))
		reader, writer := io.Pipe()
		go func() {
			io.WriteString(writer, "{")
			time.Sleep(10 * time.Millisecond)
			io.WriteString(writer, "}")
			writer.Close()
		}()
		call("/grpc.health.v1.Health/Check", "application/json", reader)
	}
	fmt.Println(connections, bytes)
}
`;

test.skipIf(!hasGo && !requireAll)(
  "Go's client reads large answers and posts again on one connection",
  { timeout: 120_000 },
  async () => {
    const { url, token } = await start();
    const dir = tempDir();
    writeFileSync(join(dir, "main.go"), goClient);
    writeFileSync(join(dir, "ca.pem"), ca);
    const built = spawn("go", ["build", "-o", "client", "main.go"], { cwd: dir, stdio: "inherit" });
    expect((await once(built, "exit"))[0]).toBe(0);
    const child = spawn(join(dir, "client"), [url, token, join(dir, "ca.pem")]);
    onTestFinished(() => void child.kill("SIGKILL"));
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    await once(child, "close");
    const [connections, bytes] = output.trim().split(" ").map(Number);
    expect(output).toMatch(/^\d+ \d+\n$/);
    expect(connections).toBe(1);
    expect(bytes).toBeGreaterThan(messages * text.length);
  },
);
