import { expect, test } from "vitest";
import { networkOf } from "../../src/server/net/network.js";
import { createAuthority } from "../support/certificates.js";
import { startChatter } from "../support/chatter-server.js";
import { enhanceYourCalm, goawayCodes, preface, settings } from "../support/http2-frames.js";
import { openRawConnection } from "../support/raw-connection.js";
import { until } from "../support/streams.js";

const request = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";

test("one connection too many of an address gets the reason, and one that closes makes room", async () => {
  const refused: string[] = [];
  const { url } = await startChatter({
    limits: { maxAddressConnections: 2, onRefused: (limit) => refused.push(limit) },
  });
  const first = await openRawConnection(url);
  const second = await openRawConnection(url);
  for (const { socket } of [first, second]) {
    socket.write(request);
  }
  await until(() => second.received().includes("200 OK"), "both are served");

  const http1 = await openRawConnection(url);
  http1.socket.write(request);
  await until(() => http1.ended, "the third is refused");
  expect(http1.received().toString()).toMatch(
    /^HTTP\/1\.1 429 Too Many Requests\r\nRetry-After: 1\r\n/,
  );
  const http2 = await openRawConnection(url);
  http2.socket.write(Buffer.concat([preface, settings()]));
  await until(() => http2.ended, "over HTTP/2 too");
  expect(goawayCodes(http2.received())).toEqual([enhanceYourCalm]);
  expect(refused).toEqual(["address_connections", "address_connections"]);

  first.socket.destroy();
  await until(async () => {
    const next = await openRawConnection(url);
    next.socket.write(request);
    await until(() => next.received().includes("HTTP/1.1"), "an answer");
    return next.received().includes("200 OK");
  }, "there is room again");
});

test("those that are refused and stay take no memory without bound", async () => {
  let refused = 0;
  const { url } = await startChatter({
    limits: { maxAddressConnections: 1, onRefused: () => refused++ },
  });
  const served = await openRawConnection(url);
  const silent = await Promise.all(Array.from({ length: 130 }, () => openRawConnection(url)));
  await until(() => refused === 130, "all are refused");
  // A hundred may wait for the reason of their refusal; the others are closed at once.
  await until(() => silent.filter(({ ended }) => ended).length === 30, "thirty are closed");
  served.socket.write(request);
  await until(() => served.received().includes("200 OK"), "the one is served all the time");
});

test("those of a trusted proxy are of many clients, and not counted", async () => {
  const { url } = await startChatter({
    limits: { maxAddressConnections: 1 },
    trustedProxies: ["127.0.0.1"],
  });
  for (let i = 0; i < 3; i++) {
    const connection = await openRawConnection(url);
    connection.socket.write(request);
    await until(() => connection.received().includes("200 OK"), "it is served");
  }
});

test("over TLS it is closed, without the work of a handshake", async () => {
  const { url } = await startChatter(
    { limits: { maxAddressConnections: 1 } },
    { tls: createAuthority().issue() },
  );
  const first = await openRawConnection(url);
  const second = await openRawConnection(url);
  await until(() => second.ended, "the second is closed");
  expect(second.received()).toHaveLength(0);
  expect(first.ended).toBe(false);
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:db8:1:2::9", "2001:db8:1:2"],
  ["2001:db8::1", "2001:db8:0:0"],
  ["fe80::1%eth0", "fe80:0:0:0"],
  ["::1", "0:0:0:0"],
  ["", ""],
])("%s counts as %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
