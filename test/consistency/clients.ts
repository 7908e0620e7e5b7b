import { type Client, ConnectError } from "@connectrpc/connect";
import { WebSocket } from "ws";
import type { ChatterService } from "../../src/gen/chatter_pb.js";
import { sleep } from "../support/streams.js";
import { clientOf, tunnelClientOf, wires } from "../support/wires.js";
import type { PostRecord, ReadRecord } from "./history.js";
import type { Recorder } from "./recorder.js";

/** What a client does again and again: each call has a deadline that may pass. */
export type Deed = (recorder: Recorder) => Promise<void>;

interface Account {
  readonly url: string;
  readonly sender: string;
  readonly token: string;
}

/** Deeds over every wire: Connect, gRPC and gRPC-Web, the tunnel, and goa's dialect. */
export function deedsOf(account: Account): Deed[] {
  const apis = [
    ...wires.map((wire) => ({ api: clientOf(account, wire), isDuplex: wire.http === "2" })),
    { api: tunnelClientOf(account), isDuplex: true },
    { api: tunnelClientOf(account, "json"), isDuplex: true },
  ];
  return [
    ...apis.flatMap(({ api, isDuplex }): Deed[] => [
      (recorder) => post(api, isDuplex, account.sender, recorder),
      (recorder) => readHistory(api, recorder),
      (recorder) => subscribe(api, recorder),
    ]),
    (recorder) => postPlain(account, recorder),
    (recorder) => readPlain("history", account, recorder),
    (recorder) => readPlain("subscription", account, recorder),
  ];
}

type Api = Client<typeof ChatterService>;

/** Some deadlines are too short even for a server that is well. */
function someDeadline(): number {
  return Math.ceil(Math.random() < 0.2 ? Math.random() * 50 : 500 + Math.random() * 2_500);
}

async function post(api: Api, isDuplex: boolean, sender: string, recorder: Recorder) {
  const count = 1 + Math.floor(Math.random() * 4);
  const posts = Array.from({ length: count }, () => recorder.post(sender));
  async function* requests() {
    for (const { text, id } of posts) {
      yield { message: text, messageId: id };
    }
  }
  const options = { timeoutMs: someDeadline() };
  try {
    let answered = 0;
    if (isDuplex) {
      for await (const { sequence } of api.echoer(requests(), options)) {
        answer(posts[answered++], sequence);
      }
    } else {
      for (const { sequence } of (await api.summary(requests(), options)).summaries) {
        answer(posts[answered++], sequence);
      }
    }
  } catch (error) {
    recorder.failed(posts, error);
  }
}

function answer(post: PostRecord | undefined, sequence: bigint): void {
  if (post === undefined) {
    throw new Error("the server has answered what was not posted");
  }
  post.answeredAt = performance.now();
  post.sequence = Number(sequence);
}

async function readHistory(api: Api, recorder: Recorder) {
  const after = recorder.cursor();
  const read = recorder.read("history", after);
  const request = after === undefined ? {} : { after };
  try {
    for await (const message of api.history(request, { timeoutMs: someDeadline() })) {
      recorder.saw(read, message);
    }
    read.isComplete = true;
  } catch (error) {
    read.code = ConnectError.from(error).code;
  }
}

async function subscribe(api: Api, recorder: Recorder) {
  const after = Math.random() < 0.5 ? recorder.cursor() : undefined;
  const read = recorder.read("subscription", after);
  const request = after === undefined ? {} : { after };
  const options = {
    timeoutMs: someDeadline(),
    onHeader(header: Headers) {
      // A refused call has headers too, over some wires.
      if (header.has("chatter-cursor")) {
        read.acceptedAt = performance.now();
      }
    },
  };
  try {
    for await (const event of api.subscribe(request, options)) {
      recorder.saw(read, event);
    }
  } catch (error) {
    read.code = ConnectError.from(error).code;
  }
}

async function postPlain(account: Account, recorder: Recorder) {
  const post = recorder.postWithoutId(account.sender);
  await openGoa(account, "/echoer", {
    onOpen: (socket) => socket.send(JSON.stringify(post.text)),
    onMessage(message, socket) {
      // goa's dialect has no message ids, and its answers have no positions.
      if (message === post.text) {
        post.answeredAt = performance.now();
      }
      socket.send("null");
    },
  });
}

async function readPlain(kind: ReadRecord["kind"], account: Account, recorder: Recorder) {
  const after = Math.random() < 0.5 ? recorder.cursor() : undefined;
  const read = recorder.read(kind, after);
  const path = kind === "history" ? "/history" : "/subscribe";
  const query = after === undefined ? "" : `?after=${encodeURIComponent(after)}`;
  const code = await openGoa(account, path + query, {
    onOpen() {
      read.acceptedAt = performance.now();
    },
    onMessage: (message) => recorder.saw(read, message as Parameters<Recorder["saw"]>[1]),
  });
  read.isComplete = kind === "history" && code === 1000;
}

interface GoaEvents {
  onOpen(socket: WebSocket): void;
  onMessage(message: unknown, socket: WebSocket): void;
}

/**
 * A socket of goa's dialect, until it is closed or its time is over. Resolves to the close code.
 */
async function openGoa(
  { url, token }: Account,
  path: string,
  { onOpen, onMessage }: GoaEvents,
): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const socket = new WebSocket(url.replace("http", "ws") + path, { headers });
  const timer = setTimeout(() => socket.terminate(), someDeadline());
  return new Promise((resolve) => {
    socket
      .on("error", () => {}) // Its close follows.
      .on("open", () => onOpen(socket))
      .on("message", (data) => onMessage(JSON.parse(String(data)), socket))
      .on("close", (code) => {
        clearTimeout(timer);
        resolve(code);
      });
  });
}

/**
 * Does one deed after the other, some at the same time, until the signal.
 *
 * @param isUp whether there is a server: while there is none, few clients try
 */
export async function doAll(
  deeds: readonly Deed[],
  recorder: Recorder,
  atOnce: number,
  signal: AbortSignal,
  isUp: () => boolean,
): Promise<void> {
  const worker = async () => {
    while (!signal.aborted) {
      if (isUp() || Math.random() < 0.02) {
        await deeds[Math.floor(Math.random() * deeds.length)]!(recorder);
      }
      await sleep(Math.random() * (isUp() ? 20 : 200));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
