import { createServer } from "node:http";
import { expect, test } from "vitest";
import { http1Options } from "../../src/server/http/server.js";
import { defaultLimits } from "../../src/server/limits/limits.js";

test("an upload over HTTP/1.1 may last: Node's limit of 300 s for a request is off, that for its headers is on", () => {
  const { requestTimeout, headersTimeout } = createServer(http1Options(defaultLimits));
  expect({ requestTimeout, headersTimeout }).toEqual({ requestTimeout: 0, headersTimeout: 60_000 });
});
