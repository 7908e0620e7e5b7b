import { once } from "node:events";
import { Agent, createServer as createHttp1Server, get } from "node:http";
import { constants, createServer, type ServerHttp2Session } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { expect, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import { limitConnectionAge } from "../../src/server/http/connection-age.js";
import { startChatter } from "../support/chatter-server.js";
import {
  callHeaders,
  flag,
  frame,
  frameType,
  goawayCodes,
  headerBlock,
  initialWindowSize,
  parseFrames,
  preface,
  settings,
  settingsAck,
  uint32,
} from "../support/http2-frames.js";
import { texts } from "../support/log-messages.js";
import { openRawConnection } from "../support/raw-connection.js";
import { answerOf, connectHttp2, envelope, post } from "../support/raw-http2.js";
import { sleep, until } from "../support/streams.js";

const pingIntervalMs = 50;

test("an old HTTP/2 connection gets GOAWAY; what is on it continues, and it closes with the last", async () => {
  const server = await startChatter({ limits: { maxConnectionAgeMs: 300 } }, { pingIntervalMs });
  const session = await connectHttp2(server.url);
  const headers = { "content-type": "application/grpc", ...server.headers };
  const stream = post(session, "/chatter.v1.ChatterService/Echoer", headers);
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const begun = performance.now();
  const [code, last] = await once(session, "goaway");
  expect([code, last]).toEqual([constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1]);
  expect(performance.now() - begun).toBeGreaterThan(250);
  await once(session, "goaway"); // This one is the last word.

  await sleep(10 * pingIntervalMs); // It still answers, and is not considered gone.
  const echoed = bytes;
  stream.write(envelope(Buffer.from([0x0a, 1, 0x78])));
  await until(() => bytes > echoed, "the call is answered as before");
  const closed = once(session, "close");
  stream.end();
  await once(stream, "close");
  await closed;
});

test("an old HTTP/2 connection whose client has gone is closed, whatever is on it", async () => {
  const server = await startChatter({ limits: { maxConnectionAgeMs: 300 } }, { pingIntervalMs });
  const connection = await openRawConnection(server.url);
  const { socket, received } = connection;
  const block = headerBlock(callHeaders("/chatter.v1.ChatterService/Echoer", server.headers));
  const open = frame(frameType.headers, flag.endHeaders, 1, block);
  socket.write(Buffer.concat([preface, settings(), settingsAck(), open]));
  // Until the last word, it answers.
  let answered = 0;
  const answer = setInterval(() => {
    const pings = parseFrames(received()).filter(({ type }) => type === frameType.ping);
    for (const { payload } of pings.slice(answered)) {
      socket.write(frame(frameType.ping, flag.ack, 0, payload));
    }
    answered = pings.length;
  }, 5);
  await until(() => goawayCodes(received()).length === 2, "the connection is old");
  clearInterval(answer);
  expect(server.chatter.openCalls).toBe(1);
  await until(() => connection.ended, "the connection is cut");
  await until(() => server.chatter.openCalls === 0, "its call is over");
});

test("an old HTTP/1.1 connection is closed with its next answer", async () => {
  const { url } = await startChatter({ limits: { maxConnectionAgeMs: 200 } });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = () =>
    new Promise<string | undefined>((resolve, reject) => {
      get(`${url}/livez`, { agent }, (response) => {
        response.resume().on("end", () => resolve(response.headers.connection));
      }).on("error", reject);
    });
  try {
    expect(await ask()).toBe("keep-alive");
    await sleep(250);
    expect(await ask()).toBe("close");
    expect(await ask()).toBe("keep-alive");
  } finally {
    agent.destroy();
  }
});

test("a connection that is destroyed, but not yet closed, when it gets old is left alone", async () => {
  const http2 = createServer();
  limitConnectionAge(createHttp1Server(), http2, { maxConnectionAgeMs: 200 });
  const destroyed = new Promise<ServerHttp2Session>((resolve) => {
    http2.on("stream", (stream) => {
      const session = stream.session as ServerHttp2Session;
      stream.on("error", () => {});
      stream.respond();
      // Nobody reads it: a session is closed when what it has written has been sent.
      stream.write(Buffer.alloc(64 * 1024 * 1024));
      setTimeout(() => {
        session.destroy();
        resolve(session);
      }, 50);
    });
  });
  await new Promise<void>((resolve) => http2.listen(0, "127.0.0.1", resolve));
  const socket = connect((http2.address() as AddressInfo).port).on("error", () => {});
  socket.pause();
  const open = frame(frameType.headers, flag.endHeaders, 1, headerBlock(callHeaders("/")));
  const widen = frame(frameType.windowUpdate, 0, 0, uint32(2 ** 30));
  const wide = settings({ [initialWindowSize]: 2 ** 30 });
  socket.write(Buffer.concat([preface, wide, settingsAck(), widen, open]));
  let closed = false;
  (await destroyed).once("close", () => {
    closed = true;
  });
  await sleep(300);
  expect(closed).toBe(false);
  socket.destroy();
  await new Promise((resolve) => http2.close(resolve));
});

test("a client that posts and reads all the time notices nothing", async () => {
  const server = await startChatter({
    limits: { maxConnectionAgeMs: 150, maxStreamAgeMs: 200 },
  });
  const client = createChatterClient({ url: server.url, auth: { token: server.token } });
  const publisher = client.publisher();
  const seen: string[] = [];
  const subscription = client.subscribe({ signal: AbortSignal.timeout(20_000) });
  const reading = (async () => {
    for await (const { message } of subscription) {
      seen.push(message);
      if (message === "last") {
        return;
      }
    }
  })();
  await until(() => subscription.state.status === "live", "the subscription is live");
  const end = performance.now() + 2500;
  for (let i = 0; performance.now() < end; i++) {
    await publisher.post(`post ${i}`);
    await sleep(10);
  }
  await publisher.post("last");
  await reading;
  await client.close();
  expect(seen).toEqual(await texts(server.log));
});

test("it is off unless set", async () => {
  const { url } = await startChatter();
  const session = await connectHttp2(url);
  let settled = false;
  session.on("goaway", () => {
    settled = true;
  });
  await sleep(300);
  expect(settled).toBe(false);
  const stream = session.request({ ":path": "/livez" });
  expect((await answerOf(stream)).headers[":status"]).toBe(200);
});
