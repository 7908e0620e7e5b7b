import { get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { answerOf, connectHttp2 } from "../support/raw-http2.js";
import { startServe } from "../support/serve.js";
import { tempDir } from "../support/temp-dir.js";

const files = {
  "/": "text/html; charset=utf-8",
  "/page.js": "text/javascript; charset=utf-8",
  "/page.css": "text/css; charset=utf-8",
  "/icon.svg": "image/svg+xml",
};

describe("the page's files", () => {
  test("are served with their types, and with headers that let nothing else in", async () => {
    const { url } = await startChatter();
    for (const [path, type] of Object.entries(files)) {
      const response = await fetch(url + path);
      expect(response.status).toBe(200);
      const { headers } = response;
      expect(headers.get("content-type")).toBe(type);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("content-security-policy")?.split("; ")).toEqual([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ]);
      expect((await response.text()).length).toBeGreaterThan(100);
    }
    const html = await (await fetch(`${url}/?from=somewhere`)).text();
    expect(html).toMatch(/<script type="module" src="page\.js\?[\w-]{16}">/);
    expect(html).not.toMatch(/<style|style=|<script(?![^>]*src=)| on\w+=/);
  });

  test("are sent compressed to who accepts that", async () => {
    const { url } = await startChatter();
    for (const path of Object.keys(files)) {
      const [plain, gzip, brotli] = await Promise.all([
        raw(url, path, {}),
        raw(url, path, { "accept-encoding": "gzip, br;q=0" }),
        raw(url, path, { "accept-encoding": "gzip, deflate, BR;q=0.9" }),
      ]);
      expect(plain.headers["content-encoding"]).toBe(undefined);
      expect(gzip.headers["content-encoding"]).toBe("gzip");
      expect(brotli.headers["content-encoding"]).toBe("br");
      expect(gunzipSync(gzip.body).equals(plain.body)).toBe(true);
      expect(brotliDecompressSync(brotli.body).equals(plain.body)).toBe(true);
      const tags = new Set([plain, gzip, brotli].map(({ headers }) => headers.etag));
      expect(tags.size).toBe(3);
      for (const { headers, body } of [plain, gzip, brotli]) {
        expect(headers.vary).toBe("accept-encoding");
        expect(headers["content-length"]).toBe(String(body.length));
      }
    }
    const { body } = await raw(url, "/page.js", { "accept-encoding": "br" });
    expect(body.length).toBeLessThan(64 * 1024);
    expect((await raw(url, "/", { "accept-encoding": "identity" })).headers).not.toHaveProperty(
      "content-encoding",
    );
  });

  test("are kept for ever at the addresses that the HTML has", async () => {
    const { url } = await startChatter();
    const html = await (await fetch(`${url}/`)).text();
    const addresses = [...html.matchAll(/"([\w.]+)\?([\w-]{16})"/g)];
    expect(new Set(addresses.map(([, name]) => name))).toEqual(
      new Set(["page.js", "page.css", "icon.svg"]),
    );
    for (const [, name, version] of addresses) {
      const caching = async (query: string) =>
        (await fetch(`${url}/${name}${query}`)).headers.get("cache-control");
      expect(await caching(`?${version}`)).toBe("public, max-age=31536000, immutable");
      // What another version of the server has asked for.
      expect(await caching("?0123456789abcdef")).toBe("no-cache");
    }
    expect((await fetch(`${url}/`)).headers.get("cache-control")).toBe("no-cache");
  });

  test("are sent again only when they have changed", async () => {
    const { url } = await startChatter();
    const first = await fetch(`${url}/page.js`);
    const etag = first.headers.get("etag")!;
    expect(first.headers.get("cache-control")).toBe("no-cache");
    const ask = (tag: string) => fetch(`${url}/page.js`, { headers: { "if-none-match": tag } });
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const again = await ask(tag);
      expect([again.status, await again.text()]).toEqual([304, ""]);
      expect(again.headers.get("etag")).toBe(etag);
    }
    expect((await ask('"other"')).status).toBe(200);
  });

  test("are there over HTTP/2, and for HEAD without a body", async () => {
    const { url } = await startChatter();
    const session = await connectHttp2(url);
    const body = await (await fetch(`${url}/`)).text();
    for (const [method, expected] of [
      ["GET", body],
      ["HEAD", ""],
    ] as const) {
      const stream = session.request({ ":method": method, ":path": "/" });
      stream.end();
      const answer = await answerOf(stream);
      expect([answer.headers[":status"], answer.body.toString()]).toEqual([200, expected]);
      expect(answer.headers["content-length"]).toBe(String(Buffer.byteLength(body)));
    }
    const head = await fetch(`${url}/`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  test("are for reading alone", async () => {
    const { url } = await startChatter();
    const response = await fetch(`${url}/`, { method: "POST", body: "password=rocks" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test.each([
    "/index.html",
    "/page.ts",
    "/package.json",
    "/../package.json",
    "/page.js/../page.ts",
    "/./page.js",
    "//page.js",
    "/%2e%2e/package.json",
    "/..%2fpackage.json",
    "/..\\package.json",
    "/page.js%00",
    "/page.js/",
    "/PAGE.JS",
    "/constructor",
  ])("are at their exact paths: %s is 404", async (path) => {
    const { url } = await startChatter();
    expect(await statusOf(url, path)).toBe(404);
  });

  test("are served by the program", async () => {
    const { url, stop } = await startServe(["--demo", "--log", "memory", "--data-dir", tempDir()]);
    for (const path of Object.keys(files)) {
      expect((await fetch(url + path)).status).toBe(200);
    }
    expect(await stop()).toEqual({ code: 0, signal: null });
  });

  test("are not there when they are not wanted", async () => {
    const { url } = await startChatter({ page: false });
    for (const path of Object.keys(files)) {
      expect((await fetch(url + path)).status).toBe(404);
    }
  });
});

/** An answer as it was sent: fetch would decompress it. */
async function raw(url: string, path: string, headers: Readonly<Record<string, string>>) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url + path, { headers, agent: false }, resolve).on("error", reject);
  });
  return { headers: response.headers, body: await buffer(response) };
}

/** The status at a path, sent as it is: fetch would put it right first. */
function statusOf(url: string, path: string): Promise<number> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: chatter\r\nConnection: close\r\n\r\n`),
    );
    let answer = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("end", () => resolve(Number(answer.split(" ")[1])));
    socket.on("error", reject);
  });
}
