import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../src/gen/health/v1/health_pb.js";
import { startChatter } from "../support/chatter-server.js";
import { FaultyLog } from "../support/faulty-log.js";
import { errorOf } from "../support/streams.js";
import { mainWires, transportOf, wires } from "../support/wires.js";

const fault = new ConnectError("the disk is full", Code.Unavailable);
const chatter = "chatter.v1.ChatterService";

describe.each(mainWires)("health over $name", (wire) => {
  async function start() {
    const log = new FaultyLog();
    const server = await startChatter({ log });
    return { log, server, health: createClient(Health, transportOf(wire, server.url)) };
  }

  test("is given for the server and each service, without a token", async () => {
    const { health, log } = await start();
    for (const service of ["", chatter, "grpc.health.v1.Health"]) {
      expect((await health.check({ service })).status).toBe(Status.SERVING);
    }
    const { statuses } = await health.list({});
    expect(Object.keys(statuses).sort()).toEqual([
      "",
      chatter,
      "chatter.v1.LogService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ]);
    expect(statuses[chatter]?.status).toBe(Status.SERVING);
    log.writeFault = fault;
    expect((await health.check({})).status).toBe(Status.NOT_SERVING);
    expect((await health.list({})).statuses[""]?.status).toBe(Status.NOT_SERVING);
    log.writeFault = undefined;
    expect((await health.check({})).status).toBe(Status.SERVING);
  });

  test("of a service that is not there is `not_found`", async () => {
    const { health } = await start();
    const error = await errorOf(health.check({ service: "no.such.Service" }));
    expect([Code[error.code], error.rawMessage]).toEqual([
      "NotFound",
      'there is no service "no.such.Service": use reflection, or "" for the server',
    ]);
  });
});

test("a watcher is notified of every change, and of a stop", async () => {
  const log = new FaultyLog();
  const server = await startChatter({ log });
  const health = createClient(Health, transportOf(wires[1]!, server.url));
  const watch = health.watch({ service: chatter })[Symbol.asyncIterator]();
  const unknown = health.watch({ service: "no.such.Service" })[Symbol.asyncIterator]();
  expect((await unknown.next()).value?.status).toBe(Status.SERVICE_UNKNOWN);
  expect((await watch.next()).value?.status).toBe(Status.SERVING);
  log.writeFault = fault;
  expect((await watch.next()).value?.status).toBe(Status.NOT_SERVING);
  log.writeFault = undefined;
  expect((await watch.next()).value?.status).toBe(Status.SERVING);
  const closed = server.server.close(5000);
  expect((await watch.next()).value?.status).toBe(Status.NOT_SERVING);
  expect(Code[(await errorOf(watch.next())).code]).toBe("Unavailable");
  await closed;
});
