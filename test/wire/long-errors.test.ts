import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";

test.each(["gzip", "br", "identity"])(
  "an error of over a kilobyte is answered: %s",
  async (encoding) => {
    const lines: object[] = [];
    const write = (fields: object) => void lines.push(fields);
    const { url } = await startChatter({ logger: { info: write, error: write } });
    const field = "x".repeat(2_000);
    const response = await fetch(`${url}/chatter.v1.ChatterService/Login`, {
      method: "POST",
      headers: { "content-type": "application/json", "accept-encoding": encoding },
      body: JSON.stringify({ [field]: 1 }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining(field),
    });
    expect(lines).toMatchObject([{ code: "invalid_argument" }]);
  },
);
