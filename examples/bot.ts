/*
 * A bot in every room that its account may read: asked "!time", it answers in the room where it was
 * asked. It notices new rooms by itself. In a project of your own, import from "chatter".
 */
import { createChatterClient } from "../src/client/node.js";

const {
  CHATTER_URL: url = "http://localhost:8080",
  CHATTER_USER: user = "goa",
  CHATTER_PASSWORD: password = "rocks",
} = process.env;

const chatter = createChatterClient({ url, auth: { user, password } });
process.once("SIGTERM", () => chatter.close());

const messages = chatter.subscribe({
  rooms: ["*"],
  onState: ({ status }) => console.log(status),
});
for await (const { room, sender, message } of messages) {
  if (message === "!time") {
    await chatter.post(`${sender}: it is ${new Date().toUTCString()}`, { room });
  }
}
