/* What every client under test does besides making its client. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import {
  type ClientCompatRequest,
  ClientCompatRequestSchema,
  ClientCompatResponseSchema,
  ClientErrorResultSchema,
} from "../gen/connectrpc/conformance/v1/client_compat_pb.js";
import { ConformanceService } from "../gen/connectrpc/conformance/v1/service_pb.js";
import { readFrames, writeFrame } from "../messages/framing.js";
import { call } from "./call.js";

/** A client for one call. */
export interface OpenClient {
  readonly client: Client<typeof ConformanceService>;
  close?(): void;
}

export type OpenClientFor = (request: ClientCompatRequest) => Promise<OpenClient> | OpenClient;

const maxParallelCalls = 8;

/**
 * Makes the calls that the suite requests, each by a client of its own, and reports their outcome.
 */
export async function runClient(open: OpenClientFor): Promise<void> {
  const running = new Set<Promise<void>>();
  for await (const bytes of readFrames(process.stdin)) {
    const one: Promise<void> = handle(bytes, open).finally(() => running.delete(one));
    running.add(one);
    if (running.size >= maxParallelCalls) {
      await Promise.race(running);
    }
  }
}

async function handle(bytes: Uint8Array, open: OpenClientFor): Promise<void> {
  const request = fromBinary(ClientCompatRequestSchema, bytes);
  const response = create(ClientCompatResponseSchema, { testName: request.testName });
  let opened: OpenClient | undefined;
  try {
    if (request.service !== ConformanceService.typeName) {
      throw new Error(`unknown service: ${request.service}`);
    }
    opened = await open(request);
    response.result = { case: "response", value: await call(opened.client, request) };
  } catch (error) {
    // Not how the call ended, but that it could not be made.
    const message = error instanceof Error ? error.stack : String(error);
    response.result = { case: "error", value: create(ClientErrorResultSchema, { message }) };
  } finally {
    opened?.close?.();
  }
  writeFrame(toBinary(ClientCompatResponseSchema, response));
}
