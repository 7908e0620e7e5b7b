import { describe, expect, test, vi } from "vitest";
import type { MessagePath } from "../../src/server/service/passthrough/stream.js";
import { bufCurl } from "../support/buf-curl.js";
import { startChatter } from "../support/chatter-server.js";
import { fill } from "../support/fill.js";
import { until } from "../support/streams.js";

const table = ["connect", "grpc", "grpcweb"].flatMap((protocol) =>
  ["by reflection", "--schema proto"].map((schema) => ({ protocol, schema })),
);

describe.each(table)("buf curl --protocol $protocol, $schema", ({ protocol, schema }) => {
  test("calls all six methods, by the passthrough path", async () => {
    const paths: MessagePath[] = [];
    const server = await startChatter({
      onStream: (path, { service }) => {
        if (service.typeName === "chatter.v1.ChatterService") {
          paths.push(path);
        }
      },
    });
    const curl = (method: string, data: string, enough?: number) =>
      bufCurl(
        [
          ...["--protocol", protocol, "--data", "@-"],
          ...(schema.startsWith("--") ? schema.split(" ") : []),
          ...(method === "Login" ? [] : ["--header", `Authorization: Bearer ${server.token}`]),
          `${server.url}/chatter.v1.ChatterService/${method}`,
        ],
        data,
        enough,
      );
    await fill(server.log, ["stored"]);
    const listens = vi.spyOn(server.log, "listen");
    const subscribed = curl("Subscribe", "{}", 2);
    // Reflection is a call too; a subscriber has read the log, and waits for more.
    await until(() => listens.mock.calls.length > 0, "the subscription is under way");

    const posts = '{"message": "a é"}{"message": "b", "message_id": "x"}';
    const [login, listener] = await Promise.all([
      curl("Login", '{"user": "goa", "password": "rocks"}'),
      curl("Listener", posts),
    ]);
    expect(login).toMatchObject({ status: 0, answers: [{ token: expect.stringMatching(/^ey/) }] });
    expect(listener).toMatchObject({ status: 0, answers: [{ stored: "2", lastSequence: "3" }] });
    const { answers: events } = await subscribed;
    expect(events).toMatchObject([
      { message: "a é", action: "added", sequence: "2", sender: "goa" },
      { message: "b", action: "added", sequence: "3" },
    ]);

    const [summary, echoer] = await Promise.all([curl("Summary", posts), curl("Echoer", posts)]);
    // The repeat of "x" has the place of the first one.
    expect(summary).toMatchObject({
      status: 0,
      answers: [
        {
          summaries: [
            { message: "a é", length: 4 },
            { message: "b", sequence: "3" },
          ],
        },
      ],
    });
    expect(echoer).toMatchObject({
      status: 0,
      answers: [{ message: "a é" }, { message: "b", messageId: "x", sequence: "3" }],
    });
    const history = await curl("History", '{"view": "VIEW_TINY", "last": 3}');
    expect(history.answers).toMatchObject([
      { message: "b" },
      { message: "a é" },
      { message: "a é" },
    ]);
    expect(paths).toEqual(Array(5).fill("passthrough"));
  });
});

test("buf curl shows an error with its details", async () => {
  const server = await startChatter();
  const { status, errors } = await bufCurl(
    [
      ...["--protocol", "grpc", "--data", "@-"],
      ...["--header", `Authorization: Bearer ${server.token}`],
      `${server.url}/chatter.v1.ChatterService/Echoer`,
    ],
    '{"message": ""}',
  );
  expect(status).not.toBe(0);
  expect(errors).toContain("invalid_argument");
  expect(errors).toContain("message is empty");
  expect(errors).toContain("PostProgress");
});

test("buf curl lists the services and their methods", async () => {
  const { url } = await startChatter();
  const { errors, status } = await bufCurl(["--list-methods", url]);
  expect([status, errors]).toEqual([0, ""]);
});
