// Posts a notice to Chatter and shows the last three messages.
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ChatterService } from "./gen/chatter_pb.js";

const baseUrl = process.env.CHATTER_URL ?? "http://localhost:8080";
const chatter = createClient(ChatterService, createGrpcTransport({ baseUrl }));

const { token } = await chatter.login({
  user: process.env.CHATTER_USER ?? "goa",
  password: process.env.CHATTER_PASSWORD ?? "rocks",
});
const headers = { authorization: `Bearer ${token}` };

async function* notices() {
  // Sent again with the same id, a message is not stored twice.
  yield { message: process.argv[2] ?? "hello from a service", messageId: process.argv[3] ?? "" };
}

const { stored, lastSequence } = await chatter.listener(notices(), { headers });
console.log(`${stored} stored, the last is sequence ${lastSequence}`);

for await (const { sequence, sender, message } of chatter.history({ last: 3n }, { headers })) {
  console.log(`${sequence} ${sender}: ${message}`);
}
