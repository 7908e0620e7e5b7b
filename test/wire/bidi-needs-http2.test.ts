import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { errorOf } from "../support/streams.js";
import { clientOf, wires } from "../support/wires.js";

async function* one() {
  yield { message: "x" };
}

test.each(wires.filter(({ http }) => http === "1.1"))(
  "Echoer over $name fails at once and clearly, and stores nothing",
  async (wire) => {
    const server = await startChatter();
    const response = await fetch(`${server.url}/chatter.v1.ChatterService/Echoer`, {
      method: "POST",
      body: "",
      headers: { ...server.headers, "content-type": "application/connect+proto" },
    });
    expect(response.status).toBe(505);
    expect(response.headers.get("connection")).toBeDefined();
    const error = await errorOf(clientOf(server, wire).echoer(one()));
    expect(Code[error.code]).toMatch(/Unknown|Unimplemented|Internal/);
    expect(server.log.head).toBe(0);
  },
);
