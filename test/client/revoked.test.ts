import { join } from "node:path";
import { Code, type ConnectError } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { revokeUser } from "../../src/server/auth/revocations/revocations-file.js";
import { watchRevocationsFile } from "../../src/server/auth/revocations/watched-revocations.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { newUser } from "../../src/server/auth/users/users.js";
import { addUser, removeUser } from "../../src/server/auth/users/users-file.js";
import { watchUsersFile } from "../../src/server/auth/users/watched-users.js";
import { startChatter } from "../support/chatter-server.js";
import { fill } from "../support/fill.js";
import { until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { when } from "./support/when.js";
import { wireNames } from "./support/wires.js";

test("a subscription continues with a new login when its user was revoked, and ends when it was removed", async () => {
  const dir = tempDir();
  const [usersFile, revocationsFile] = [join(dir, "users.json"), join(dir, "revocations.json")];
  const cost = { logN: 4, r: 8, p: 1 };
  const scopes = ["stream:read"];
  await addUser(usersFile, await newUser({ name: "alice", password: "pw", scopes, cost }));
  const users = await watchUsersFile(usersFile, () => {});
  const revocations = await watchRevocationsFile(revocationsFile, () => {});
  onTestFinished(() => {
    users.close();
    revocations.close();
  });
  const tokens = createTokens({ key: await parseSigningKey("k".repeat(32), "test") });
  const server = await startChatter({ auth: createAuth({ users, tokens, revocations }) });
  const auth = { user: "alice", password: "pw" };
  const readers = wireNames.map((transport) => {
    const client = createChatterClient({ url: server.url, auth, transport });
    onTestFinished(() => client.close());
    const subscription = client.subscribe();
    const received: string[] = [];
    const ended = (async () => {
      for await (const { message } of subscription) {
        received.push(message);
      }
    })().then(
      () => expect.unreachable(),
      (error: ConnectError) => [Code[error.code], error.rawMessage],
    );
    return { subscription, received, ended };
  });
  await when(() => readers.every(({ subscription }) => subscription.state.status === "live"));
  await fill(server.log, ["before"]);
  await when(() => readers.every(({ received }) => received.length === 1));

  let dropped = false;
  revocations.onChange(() => {
    dropped = true;
  });
  await revokeUser(revocationsFile, "alice");
  await until(() => dropped, "the revocation is in force");
  await fill(server.log, ["after"]);
  await when(() => readers.every(({ received }) => received.length === 2));
  expect(readers.map(({ received }) => received)).toEqual(wireNames.map(() => ["before", "after"]));

  await removeUser(usersFile, "alice");
  for (const { ended } of readers) {
    expect(await ended).toEqual(["Unauthenticated", "invalid username and password combination"]);
  }
});
