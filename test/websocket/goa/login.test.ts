import { once } from "node:events";
import { connect } from "node:http2";
import { describe, expect, test } from "vitest";
import { startChatter } from "../../support/chatter-server.js";
import { answerOf, openGoa, type Target } from "./client.js";

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

describe("POST /login", () => {
  test("with Authorization: Basic answers the token as a JSON string", async () => {
    const server = await startChatter();
    const answer = await answerOf(server, "/login", "POST", {
      authorization: basic("goa", "rocks"),
    });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(answer.headers["cache-control"]).toBe("no-store");
    const token = JSON.parse(answer.body);
    const echo = await openGoa(server, "/echoer", { authorization: token });
    echo.send("a", null);
    await echo.closed();
    expect(echo.messages).toEqual(["a"]);
  });

  test("does not care for a body", async () => {
    const server = await startChatter();
    const response = await fetch(`${server.url}/login`, {
      method: "POST",
      headers: { authorization: basic("goa", "rocks"), "content-type": "text/plain" },
      body: "what is this?",
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(expect.any(String));
  });

  test.each([
    ["a wrong password", basic("goa", "rolls")],
    ["an unknown user", basic("nobody", "rocks")],
    ["no name and no password", basic("", "")],
  ])("with %s is 401, unauthorized", async (_, authorization) => {
    const server = await startChatter();
    const answer = await answerOf(server, "/login", "POST", { authorization });
    expect(answer.status).toBe(401);
    expect(answer.headers["goa-error"]).toBe("unauthorized");
    expect(JSON.parse(answer.body)).toBe("invalid username and password combination");
  });

  test("without Authorization is 400, missing_field, each time with another id", async () => {
    const server = await startChatter();
    const ids = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const answer = await answerOf(server, "/login", "POST");
      expect(answer.status).toBe(400);
      expect(answer.headers["content-type"]).toBe("application/json");
      const { id, ...error } = JSON.parse(answer.body);
      expect(error).toEqual({
        name: "missing_field",
        message: '"Authorization" is missing from header',
        temporary: false,
        timeout: false,
        fault: false,
      });
      expect(id).toMatch(/^[\w-]{8}$/);
      ids.add(id);
    }
    expect(ids.size).toBe(3);
  });

  test("with what is not Basic is 400 and is not quoted", async () => {
    const server = await startChatter();
    for (const authorization of ["Bearer sesame", "Basic se:same"]) {
      const answer = await answerOf(server, "/login", "POST", { authorization });
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body)).toMatchObject({ name: "invalid_argument", fault: false });
      expect(answer.body).not.toContain("same");
    }
  });

  test("is the only verb", async () => {
    const server = await startChatter();
    for (const verb of ["GET", "PUT", "DELETE"]) {
      const answer = await answerOf(server, "/login", verb);
      expect(answer).toMatchObject({ status: 405, headers: { allow: "POST" } });
    }
  });

  test("is answered by HTTP/2 as well", async () => {
    const server = await startChatter();
    const answer = await http2Answer(server, "/login", "POST", basic("goa", "rocks"));
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toEqual(expect.any(String));
    expect(await http2Answer(server, "/login", "POST")).toMatchObject({ status: 400 });
  });
});

test("HTTP/2 has no upgrade: the endpoints of WebSockets are 426 there", async () => {
  const server = await startChatter();
  expect(await http2Answer(server, "/subscribe", "GET")).toMatchObject({ status: 426 });
  expect(await http2Answer(server, "/subscribe", "POST")).toMatchObject({ status: 405 });
});

async function http2Answer(server: Target, path: string, method: string, authorization?: string) {
  const session = connect(server.url);
  try {
    const stream = session.request({
      ":path": path,
      ":method": method,
      ...(authorization && { authorization }),
    });
    const [headers] = await once(stream, "response");
    let body = "";
    for await (const chunk of stream.setEncoding("utf8")) {
      body += chunk;
    }
    return { status: headers[":status"], body };
  } finally {
    session.destroy();
  }
}
