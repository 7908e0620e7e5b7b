import { closeSync, existsSync, openSync } from "node:fs";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { startServe } from "../support/serve.js";
import { errorOf } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { clientOf } from "../support/wires.js";

/** A file on a disk that is always full, where the system has one. */
const full = "/dev/full";

test.skipIf(!existsSync(full))(
  "calls and the stop continue while the log's disk is full",
  async () => {
    const file = openSync(full, "w");
    const args = ["--demo", "--log", "memory", "--data-dir", tempDir()];
    const server = await startServe(args, {}, file);
    closeSync(file);
    const { token } = await clientOf({ url: server.url, token: "" }).login({
      user: "goa",
      password: "rocks",
    });
    const client = clientOf({ url: server.url, token });
    const posts = async function* () {
      yield { message: "hello" };
    };
    expect(await client.listener(posts())).toMatchObject({ stored: 1n });
    const ended = errorOf(client.subscribe({}));
    expect(await client.listener(posts())).toMatchObject({ stored: 1n });
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect((await ended).code).toBe(Code.Unavailable);
  },
);
