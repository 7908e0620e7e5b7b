import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { type RestartableServer, startRestartable } from "../support/cli-restart.js";
import { post } from "../support/cli-server.js";
import { describeOnTerminal, openTerminal } from "../support/cli-terminal.js";
import { makeLog, openLog } from "../support/log-copies.js";
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
      expect.stringMatching(/^chatter: unavailable: cannot connect to /),
    ]);
    await server.start();
  });

  test("log export and log import tell count and rate, and take them off", async () => {
    const [dir, copy] = [await makeLog(), tempDir()];
    const file = join(tempDir(), "export.jsonl");
    const exporting = openTerminal(["log", "export", "--data-dir", dir, file], { columns: 150 });
    await exporting.shows("0 exported, 0/s");
    expect(await exporting.ended()).toMatchObject({ status: 0 });
    expect(exporting.screen().join("")).toMatch(/^\{ +"file": .*"added": 1006\}$/);
    const more = join(tempDir(), "more");
    const fedBy = `head -c 500000 ${file}; until [ -e ${more} ]; do sleep 0.05; done; tail -c +500001 ${file}`;
    const importing = openTerminal(["log", "import", "--data-dir", copy], { fedBy, columns: 150 });
    await importing.shows("0 imported, 0/s");
    writeFileSync(more, "");
    expect(await importing.ended()).toMatchObject({ status: 0 });
    expect(importing.screen().join("")).toMatch(/"added": 1006\}$/);
  });

  test("log export lets no message control the terminal", async () => {
    const dir = tempDir();
    const log = await openLog(dir);
    await post(log, "\u001b[2J\u009b31m\u007f");
    await log.close();
    const terminal = openTerminal(["log", "export", "--data-dir", dir], { columns: 150 });
    await terminal.ended();
    expect(terminal.written()).toContain('"message":"\\u001b[2J\\u009b31m\\u007f"');
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
