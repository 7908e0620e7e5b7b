import { once } from "node:events";
import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { progressOf } from "../support/outcome.js";
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { errorOf } from "../support/streams.js";
import { clientOf, wires } from "../support/wires.js";

/** An invalid message, and much after it that nobody will read. */
async function* faultyUpload() {
  yield { message: "kept" };
  yield { message: "" };
  for (let i = 0; i < 200; i++) {
    yield { message: "x".repeat(60_000) };
  }
}

const binary = wires.filter(({ codec }) => codec === "binary");

describe("a server that has answered before its client has sent all", () => {
  test.each(binary)("tells the error to Connect-ES over $name", async (wire) => {
    const client = clientOf(await startChatter(), wire);
    for (let round = 0; round < 5; round++) {
      const error = await errorOf(client.listener(faultyUpload()));
      expect([Code[error.code], error.rawMessage]).toEqual([
        "InvalidArgument",
        "message is empty: it must have 1 to 65,536 bytes of UTF-8",
      ]);
      expect(progressOf(error)).toMatchObject({ stored: 1n });
    }
  });

  test.each(["/chatter.v1.ChatterService/Listener", "/nothing"])(
    "lets an endless upload to %s continue for a short time only",
    async (path) => {
      const { url } = await startChatter();
      const stream = post(await connectHttp2(url), path, { "content-type": "application/grpc" });
      const answer = answerOf(stream);
      const closed = once(stream, "close");
      const flood = setInterval(() => stream.write(envelope(Buffer.alloc(1000))), 20);
      try {
        await closed;
      } finally {
        clearInterval(flood);
      }
      const { headers, trailers, reset } = await answer;
      expect(reset).toBe(0);
      expect(headers[":status"]).toBe(path === "/nothing" ? 404 : 200);
      expect(trailers["grpc-status"] ?? headers["grpc-status"]).toBe(
        path === "/nothing" ? undefined : String(Code.Unauthenticated),
      );
    },
  );
});
