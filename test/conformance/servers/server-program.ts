/* What every server under test does besides serving. */
import type { Server } from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type ServerCompatRequest,
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
} from "../gen/connectrpc/conformance/v1/server_compat_pb.js";
import { readFrames, writeFrame } from "../messages/framing.js";

export const host = "127.0.0.1";

/**
 * Starts the server that the suite asks for and tells the suite its port; SIGTERM ends the process.
 *
 * @param start resolves to the port
 */
export async function runServer(
  start: (request: ServerCompatRequest) => Promise<number>,
): Promise<void> {
  process.on("SIGTERM", () => process.exit());
  for await (const bytes of readFrames(process.stdin)) {
    const request = fromBinary(ServerCompatRequestSchema, bytes);
    const response = create(ServerCompatResponseSchema, {
      host,
      port: await start(request),
      ...(request.useTls ? { pemCert: request.serverCreds?.cert } : {}),
    });
    writeFrame(toBinary(ServerCompatResponseSchema, response));
    return; // One server a process.
  }
}

/** Resolves to the port. */
export async function listenOn(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
