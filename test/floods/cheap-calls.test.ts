import { beforeAll, expect, test } from "vitest";
import { servedDuring } from "../support/bystander.js";
import {
  callHeaders,
  flag,
  frame,
  frameType,
  headerBlock,
  parseFrames,
  preface,
  settings,
  settingsAck,
} from "../support/http2-frames.js";
import { openRawConnection, type RawConnection } from "../support/raw-connection.js";
import { envelope } from "../support/raw-http2.js";
import { type ServerProcess, startServerProcess } from "../support/server-process.js";
import { rounds, until } from "../support/streams.js";

const calls = Math.min(rounds(300), 2000);
const connections = 4;

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess();
  return server.stop;
});

/** Streams that the server has ended. */
function answered({ received }: RawConnection): number {
  return parseFrames(received()).filter(
    ({ type, flags }) =>
      (type === frameType.data || type === frameType.headers) && (flags & flag.endStream) !== 0,
  ).length;
}

/** Makes calls over a connection, a hundred at a time, and waits for all their answers. */
async function callAgainAndAgain(headers: Record<string, string>): Promise<number> {
  const connection = await openRawConnection(server.url);
  const block = headerBlock(headers);
  connection.socket.write(Buffer.concat([preface, settings(), settingsAck()]));
  let sent = 0;
  while (sent < calls && !connection.ended) {
    const streams = Array.from({ length: 100 }, (_, i) => 2 * (sent + i) + 1);
    connection.socket.write(
      Buffer.concat(
        streams.flatMap((stream) => [
          frame(frameType.headers, flag.endHeaders, stream, block),
          frame(frameType.data, flag.endStream, stream, envelope("")),
        ]),
      ),
    );
    sent += streams.length;
    await until(() => answered(connection) >= sent || connection.ended, "they are answered");
  }
  connection.socket.destroy();
  return answered(connection);
}

test.each([
  ["health", callHeaders("/grpc.health.v1.Health/Check")],
  ["login", callHeaders("/chatter.v1.ChatterService/Login")],
  [
    "an invalid token",
    callHeaders("/chatter.v1.ChatterService/Subscribe", { authorization: "Bearer x" }),
  ],
  ["what is not there", callHeaders("/nothing")],
])(
  "%s, without a token and as fast as it goes: all are answered, and so are others",
  async (name, headers) => {
    let answers: number[] = [];
    const served = await servedDuring(name, server, async () => {
      answers = await Promise.all(
        Array.from({ length: connections }, () => callAgainAndAgain(headers)),
      );
    });
    expect(served.calls).toBeGreaterThan(0);
    expect(answers).toEqual(Array.from({ length: connections }, () => calls));
  },
  120_000,
);
