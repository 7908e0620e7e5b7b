import type { Channel, Connection } from "../load/connection.js";
import type { Server } from "../servers.js";
import { measure, perMessage, type Work } from "../work.js";

/** Posts on one stream, and on sixteen, each on a connection of its own. */
export const ingestWorks: readonly Work[] = [1, 16].map((streams) => ({
  name: `ingest-${streams}`,
  unit: "CPU µs a message",
  servers: ["chatter-memory", "chatter-durable", "grpc-js", "connect-node", "ws"],
  async prepare(server, { quick }) {
    const each = Math.ceil((quick ? 100_000 : 320_000) / streams);
    return {
      async round() {
        const posters = await Promise.all(
          Array.from({ length: streams }, () => openPoster(server)),
        );
        try {
          const found = await measure(server, async () => {
            await Promise.all(posters.map((poster) => poster.postAll(each)));
          });
          return perMessage(each * streams, found);
        } finally {
          for (const { connection } of posters) {
            connection.close();
          }
        }
      },
      end() {},
    };
  },
}));

interface Poster {
  readonly connection: Connection;
  readonly channel: Channel;
  /** Posts this many, ends the stream, and checks that as many were stored. */
  postAll(count: number): Promise<void>;
}

/** Opens a stream that posts. */
export async function openPoster(server: Server): Promise<Poster> {
  const isWebSocket = server.name === "ws";
  const connection = await server.connect(isWebSocket ? "ws" : "grpc");
  let stored = -1;
  const channel = connection.open("listener", (bytes, start) => {
    stored = readStored(bytes, start);
  });
  return {
    connection,
    channel,
    async postAll(count) {
      if (isWebSocket) {
        await channel.head;
      }
      channel.post(count);
      channel.end();
      const reason = await channel.whole;
      if (isWebSocket) {
        stored = Number(/^stored (\d+)$/.exec(reason)?.[1]);
      }
      if (stored !== count) {
        throw new Error(`${count} were posted, ${stored} stored`);
      }
    },
  };
}

/** ListenerResponse.stored. */
function readStored(bytes: Buffer, start: number): number {
  let value = 0;
  let scale = 1;
  for (let at = start + 1; bytes[start] === 0x08; at++) {
    value += (bytes[at]! & 127) * scale;
    scale *= 128;
    if (bytes[at]! < 128) {
      return value;
    }
  }
  return 0;
}
