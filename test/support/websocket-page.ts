/*
 * Runs in a browser: what a page does with a generated client over the tunnel. Bundled by
 * the test, which calls it through `window.page`.
 */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";

function clientOf(useBinaryFormat: boolean, baseUrl = location.origin) {
  return createClient(ChatterService, createWebSocketTransport({ baseUrl, useBinaryFormat }));
}

async function* posts(messages: readonly string[]) {
  for (const message of messages) {
    yield { message };
  }
}

let slow: AsyncIterator<{ message: string }> | undefined;

const page = {
  async login(binary: boolean, user: string): Promise<string> {
    const headers = { authorization: "Bearer of the page" };
    return (await clientOf(binary).login({ user }, { headers })).token;
  },

  async listener(binary: boolean, messages: readonly string[]): Promise<number> {
    return Number((await clientOf(binary).listener(posts(messages))).stored);
  },

  async history(binary: boolean, limit: number): Promise<string[]> {
    const all: string[] = [];
    for await (const { message } of clientOf(binary).history({ limit: BigInt(limit) })) {
      all.push(message);
    }
    return all;
  },

  /** Sends each message when the reply to the one before has come; ends with what came. */
  async pingPong(binary: boolean, messages: readonly string[]): Promise<string[]> {
    const log: string[] = [];
    let replied = () => {};
    async function* oneByOne() {
      for (const message of messages) {
        log.push(`> ${message}`);
        const reply = new Promise<void>((resolve) => {
          replied = resolve;
        });
        yield { message };
        await reply;
      }
    }
    for await (const { message } of clientOf(binary).echoer(oneByOne())) {
      log.push(`< ${message}`);
      replied();
    }
    return log;
  },

  async echo(count: number, length: number): Promise<number> {
    let received = 0;
    const messages = Array.from({ length: count }, () => "x".repeat(length));
    for await (const { message } of clientOf(true).echoer(posts(messages))) {
      received += message.length;
    }
    return received;
  },

  async failure(binary: boolean): Promise<string> {
    try {
      await page.listener(binary, ["fail"]);
      return "none";
    } catch (reason) {
      const error = ConnectError.from(reason);
      return `${Code[error.code]} ${error.rawMessage} ${error.metadata.get("x-meta")}`;
    }
  },

  /** Reads one message and no more. */
  async startSlow(): Promise<void> {
    slow = clientOf(true).history({ limit: 100_000n })[Symbol.asyncIterator]();
    await slow.next();
  },

  async readSlow(): Promise<number> {
    let count = 1;
    while (slow !== undefined && !(await slow.next()).done) {
      count++;
    }
    return count;
  },

  /** Subscribes, and aborts when the first message has come, or never. */
  async subscribe(abortsAtFirst: boolean): Promise<string> {
    const controller = new AbortController();
    try {
      for await (const _ of clientOf(true).subscribe({}, { signal: controller.signal })) {
        if (abortsAtFirst) {
          controller.abort();
        }
      }
      return "ended";
    } catch (error) {
      return Code[ConnectError.from(error).code] ?? "";
    }
  },

  async unreachable(baseUrl: string): Promise<string> {
    return clientOf(true, baseUrl)
      .login({})
      .then(
        () => "ok",
        (error) => Code[ConnectError.from(error).code] ?? "",
      );
  },
};

/** What the page offers to the test. */
export type Page = typeof page;

Object.assign(window, { page });
