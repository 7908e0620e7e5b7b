import { describe, expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import {
  flag,
  frame,
  frameType,
  headerBlock,
  parseFrames,
  preface,
  settings,
} from "../support/http2-frames.js";
import { openRawConnection } from "../support/raw-connection.js";
import { connectHttp2 } from "../support/raw-http2.js";
import { errorOf, until } from "../support/streams.js";
import { clientOf, wires } from "../support/wires.js";

const limits = { maxHeaderBytes: 2000 };

test("over HTTP/1.1 a path, names and values of one byte more than the limit are 431", async () => {
  const { url } = await startChatter({ limits });
  const statusOf = async (bytes: number) => {
    const { socket, received } = await openRawConnection(url);
    const value = "y".repeat(bytes - "/livezhostxx".length);
    socket.write(`GET /livez HTTP/1.1\r\nhost: x\r\nx: ${value}\r\n\r\n`);
    await until(() => received().includes("\r\n"), "an answer");
    return received().toString().split(" ")[1];
  };
  expect(await statusOf(2000)).toBe("200");
  expect(await statusOf(2001)).toBe("431");
});

test("so it is for a WebSocket", async () => {
  const server = await startChatter({ limits });
  const statusOf = async (bytes: number) => {
    const path = "/subscribe";
    const fields = [
      ["Host", "x"],
      ["Connection", "Upgrade"],
      ["Upgrade", "websocket"],
      ["Sec-WebSocket-Version", "13"],
      ["Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="],
      ["Authorization", server.headers.authorization],
      ["x", ""],
    ];
    const used = path.length + fields.flat().join("").length;
    const lines = fields.map(([name, value]) => `${name}: ${value}`).join("\r\n");
    const { socket, received } = await openRawConnection(server.url);
    socket.write(`GET ${path} HTTP/1.1\r\n${lines}${"y".repeat(bytes - used)}\r\n\r\n`);
    await until(() => received().includes("\r\n"), "an answer");
    return received().toString().split(" ")[1];
  };
  expect(await statusOf(2000)).toBe("101");
  expect(await statusOf(2001)).toBe("431");
});

test("over HTTP/2 one byte more than the limit is 431, and the connection continues", async () => {
  const { url } = await startChatter({ limits });
  const session = await connectHttp2(url);
  const base = {
    ":method": "GET",
    ":scheme": "http",
    ":authority": "localhost",
    ":path": "/livez",
    x: "",
  };
  const ask = (bytes: number) => {
    // As SETTINGS_MAX_HEADER_LIST_SIZE defines it: 32 more bytes for each.
    const used = Object.entries(base).reduce((sum, entry) => sum + entry.join("").length + 32, 0);
    const stream = session.request({ ...base, x: "y".repeat(bytes - used) });
    return new Promise<{ status: number | undefined; reset: number | undefined }>((resolve) => {
      let status: number | undefined;
      stream
        .on("error", () => {})
        .on("response", (headers) => {
          status = headers[":status"];
        });
      stream.on("close", () => resolve({ status, reset: stream.rstCode }));
      stream.resume().end();
    });
  };
  const served = { status: 200, reset: 0 };
  expect(await ask(2000)).toEqual(served);
  expect(await ask(2001)).toEqual({ status: 431, reset: 0 });
  expect(await ask(2000)).toEqual(served);
});

test("so it is for a client that does not acknowledge the server's SETTINGS", async () => {
  const { url } = await startChatter({ limits });
  const { socket, received } = await openRawConnection(url);
  socket.write(Buffer.concat([preface, settings()]));
  const ask = async (stream: number, bytes: number) => {
    const headers = { ":method": "GET", ":scheme": "http", ":authority": "x", ":path": "/livez" };
    const used = Object.entries(headers).reduce((sum, pair) => sum + pair.join("").length + 32, 0);
    const block = headerBlock({ ...headers, x: "y".repeat(bytes - used - "x".length - 32) });
    socket.write(frame(frameType.headers, flag.endHeaders | flag.endStream, stream, block));
    const data = () =>
      parseFrames(received()).filter((of) => of.stream === stream && of.type === frameType.data);
    await until(() => data().length > 0, "an answer");
    return data().some(({ payload }) => payload.includes("the headers are too large"));
  };
  expect(await ask(1, 2000)).toBe(false);
  expect(await ask(3, 2001)).toBe(true);
  expect(await ask(5, 2000)).toBe(false);
});

describe.each(wires.filter(({ codec }) => codec === "binary"))("over $name", (wire) => {
  test("the default takes 15,000 bytes, and no 17,000", async () => {
    const client = clientOf(await startChatter(), wire);
    const call = (bytes: number) =>
      client.login({ user: "goa", password: "rocks" }, { headers: { x: "y".repeat(bytes) } });
    expect((await call(15_000)).token).not.toBe("");
    await errorOf(call(17_000)); // Clients differ in how they report it.
  });
});
