import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Code, createClient } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { cleanEnvironment } from "../support/serve.js";
import { collect, errorOf } from "../support/streams.js";
import { transportOf, wires, withToken } from "../support/wires.js";

const program = fileURLToPath(new URL("../../examples/mount.ts", import.meta.url));

async function* one() {
  yield { message: "from a robot" };
}

test("Chatter can be mounted in somebody's own Node server, with their own keys", async () => {
  const child = spawn(process.execPath, ["--import", "tsx", program], {
    env: cleanEnvironment({ PORT: "0", API_KEY: "the-key" }),
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = await once(child.stdout, "data");
  const url = String(line).trim().replace("localhost", "127.0.0.1");

  expect(await (await fetch(`${url}/hello`)).text()).toBe("hello\n");
  expect(await (await fetch(`${url}/readyz`)).text()).toBe("ok\n");
  const wire = wires.find(({ http }) => http === "1.1")!;
  const clientWith = (key: string) =>
    createClient(ChatterService, transportOf(wire, url, [withToken(key)]));
  expect(Code[(await errorOf(clientWith("x").listener(one()))).code]).toBe("Unauthenticated");
  const client = clientWith("the-key");
  const subscription = errorOf(client.subscribe({}));
  expect(await client.listener(one())).toMatchObject({ stored: 1n });
  expect(await collect(client.history({}))).toMatchObject([
    { message: "from a robot", sender: "robot" },
  ]);
  expect(Code[(await errorOf(client.login({ user: "a", password: "b" }))).code]).toBe(
    "Unimplemented",
  );

  const exit = once(child, "exit");
  child.kill("SIGTERM");
  expect(Code[(await subscription).code]).toBe("Unavailable");
  expect(await exit).toEqual([0, null]);
});
