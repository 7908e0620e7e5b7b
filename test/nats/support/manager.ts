import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { onTestFinished } from "vitest";

/** What an operator sees of JetStream, at an address such as "127.0.0.1:4222". */
export async function manage(address: string): Promise<JetStreamManager> {
  const connection = await connect({ servers: address });
  onTestFinished(() => connection.close());
  return jetstreamManager(connection);
}
