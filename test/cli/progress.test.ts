import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { type RestartableServer, startRestartable } from "../support/cli-restart.js";
import { post } from "../support/cli-server.js";
import { describeOnTerminal, openTerminal } from "../support/cli-terminal.js";
import { tempDir } from "../support/temp-dir.js";

let server: RestartableServer;
beforeEach(async () => {
  server = await startRestartable();
});

describeOnTerminal("on a terminal", () => {
  test("listener tells count and rate on one line while it is fed, and takes it off", async () => {
    const more = join(tempDir(), "more");
    const fedBy = `seq 1200; until [ -e ${more} ]; do sleep 0.05; done; echo last`;
    const terminal = openTerminal(["listener"], { fedBy, env: server.env });
    await expect
      .poll(() => terminal.screen(), { timeout: 10_000 })
      .toEqual([expect.stringMatching(/^1,200 sent, [\d,]+\/s$/)]);
    writeFileSync(more, "");
    expect(await terminal.ended()).toMatchObject({ status: 0 });
    const result = ["{", '    "stored": "1201",', '    "last_sequence": "1201"', "}"];
    expect(terminal.screen()).toEqual(result);
  });

  test("echoer --reliable shows its progress, and erases it to say that no server is there", async () => {
    await server.stop();
    const terminal = openTerminal(["echoer", "--reliable", "--output", "jsonl"], {
      fedBy: "seq 3",
      columns: 150,
      env: server.env,
    });
    await terminal.shows("0 stored, 0/s");
    expect(await terminal.ended()).toMatchObject({ status: 1 });
    expect(terminal.screen()).toEqual([
      expect.stringMatching(/^chatter: unavailable: nobody answers at /),
    ]);
    await server.start();
  });

  test("subscribe tells when the connection is lost and when it is there again", async () => {
    const terminal = openTerminal(["subscribe"], { columns: 150, env: server.env });
    const posting = setInterval(() => post(server.log, "one"), 50);
    await terminal.shows('"one"').finally(() => clearInterval(posting));
    await server.stop();
    await terminal.shows("; trying again\r\n");
    await server.start();
    await terminal.shows("chatter: connected again\r\n");
    await post(server.log, "two");
    await terminal.shows('"two"');
    terminal.type("\u0003");
    expect(await terminal.ended()).toMatchObject({ status: 130 });
  });
});
