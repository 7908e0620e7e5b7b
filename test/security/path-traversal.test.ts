import { describe, expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { answerOf, connectHttp2 } from "../support/raw-http2.js";
import { sendRaw, statusOf } from "./raw-http.js";

/*
 * The page's files are beside others on the disk. What is served is a table of exact paths; these
 * are the ways in which servers that look for files have been led out of their folder.
 */

const climbs = [
  "..",
  "%2e%2e",
  "%2E.",
  "%252e%252e",
  "%25252e%25252e",
  "..;",
  "....",
  "%c0%ae%c0%ae",
  "%e0%80%ae%e0%80%ae",
  "%u002e%u002e",
  "..%00",
  "\u00ff..",
];
const slashes = ["/", "%2f", "%2F", "%252f", "\\", "%5c", "%255c", "%c0%af", "//"];

const paths = climbs.flatMap((climb) =>
  slashes.flatMap((slash) => [
    `/${climb}${slash}package.json`,
    `/page.js${slash}${climb}${slash}${climb}${slash}package.json`,
  ]),
);

const odd = [
  "/page.js%00.css",
  "/page.js%20",
  "/page.js.",
  "/page.js;a=b",
  "/page.js::$DATA",
  "/%70age.js",
  "/page%2ejs",
  "//etc/passwd",
  "/etc/passwd",
  "file:///etc/passwd",
  "http://chatter/../package.json",
  "/C:/Windows/win.ini",
  "/.git/config",
  "/data/messages.head",
  "/signing-key",
];

describe("paths that lead out of the page's folder", () => {
  test("are 404 over HTTP/1.1, or no request at all", async () => {
    const { url } = await startChatter();
    const ask = async (path: string) => {
      const head = `GET ${path} HTTP/1.1\r\nHost: chatter\r\nConnection: close\r\n\r\n`;
      return { path, answer: await sendRaw(url, Buffer.from(head, "latin1")) };
    };
    const answers = await Promise.all([...paths, ...odd].map(ask));
    for (const { path, answer } of answers) {
      expect([400, 404], path).toContain(statusOf(answer));
      expect(answer, path).not.toMatch(
        /"dependencies"|root:|chatter-log|content-type: text\/html/i,
      );
    }
  });

  test("are 404 over HTTP/2", async () => {
    const { url } = await startChatter();
    const session = await connectHttp2(url);
    for (const path of [...paths, ...odd]) {
      const stream = session.request({ ":method": "GET", ":path": path });
      stream.end();
      // Some are no HTTP/2: then the stream is reset.
      const answer = await answerOf(stream).catch(() => undefined);
      expect([undefined, 404], path).toContain(answer?.headers[":status"]);
    }
  });

  test("and the page itself is there, whatever the query says", async () => {
    const { url } = await startChatter();
    const head = "GET /page.js?/../../package.json HTTP/1.1\r\nHost: chatter\r\n\r\n";
    expect(statusOf(await sendRaw(url, head))).toBe(200);
  });
});
