import { createServer } from "node:http";
import { expect, it } from "vitest";
import { http1Options } from "../../src/server/http/server.js";
import { defaultLimits } from "../../src/server/limits/limits.js";

it("an upload over HTTP/1.1 may last: Node's limit of 300 s for a request is off, that for its head is on", () => {
  const { requestTimeout, headersTimeout } = createServer(http1Options(defaultLimits));
  expect({ requestTimeout, headersTimeout }).toEqual({ requestTimeout: 0, headersTimeout: 60_000 });
});
