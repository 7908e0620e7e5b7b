/* The servers under test: Chatter's by `listen`, and plain ones of Node, which say what is Node's. */
import { createSecureServer, createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { DescService } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type Auth, createChatter, createMemoryLog, listen } from "../../../src/server/index.js";
import { AskService } from "../../support/ask-service.js";
import type { KeyPair } from "../../support/certificates.js";

export interface RunningServer {
  readonly port: number;
  close(): Promise<unknown>;
}

/**
 * How long an answer takes, in milliseconds. If it came at once, it would depend on chance whether a
 * frame that is sent after the request comes before the answer, or on a stream that is closed.
 */
const answerMs = 200;
/** Larger than the windows of some cases. */
const answer = "an answer ".repeat(10);

/** What is asked for: Chatter's answer is late here. */
export const path = `/${AskService.typeName}/Look?connect=v1&encoding=json&message=%7B%7D`;

/** Nobody has a token. */
const auth: Auth = {
  login: () => Promise.reject(new Error("no passwords")),
  verify: () => Promise.reject(new Error("no tokens")),
};

/** Chatter as `listen` serves it, with a mounted service that anyone may call. */
export async function startChatter(tls: KeyPair | undefined): Promise<RunningServer> {
  const look = async () => {
    await sleep(answerMs);
    return { text: answer };
  };
  const chatter = createChatter({
    log: createMemoryLog(),
    auth,
    routes(router, access) {
      router.service(AskService, { look } as unknown as ServiceImpl<DescService>);
      access.open(AskService);
    },
  });
  const server = await listen(chatter, { port: 0, tls });
  return { port: Number(new URL(server.url).port), close: () => server.close(0) };
}

/** A server of `node:http2` that does nothing but answer. */
export async function startNode(tls: KeyPair | undefined): Promise<RunningServer> {
  const server: Http2Server = tls ? createSecureServer(tls) : createServer();
  server.on("sessionError", () => {}); // What most cases are about.
  server.on("stream", async (stream) => {
    stream.on("error", () => {});
    stream.resume();
    await sleep(answerMs);
    if (!stream.destroyed) {
      stream.respond({ ":status": 200 });
      stream.end(answer);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => server.close(),
  };
}
