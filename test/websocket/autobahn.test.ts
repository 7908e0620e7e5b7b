import { describe, expect, test } from "vitest";
import { afterClose, type Case, cases } from "./autobahn/cases.js";
import { startEndpoint, type Version } from "./autobahn/connections.js";
import { dialects } from "./autobahn/dialects.js";
import { limitsCases } from "./autobahn/limits-cases.js";
import { faultsOf } from "./autobahn/run-case.js";
import { utf8Cases } from "./autobahn/utf8-cases.js";
import { storedTexts } from "./goa/client.js";

/*
 * The cases of Autobahn's test suite for WebSockets (https://github.com/crossbario/autobahn-testsuite)
 * by their numbers. The suite itself needs a server that echoes any message, over HTTP/1.1.
 */

const sections: readonly (readonly [title: string, cases: readonly Case[]])[] = [
  ...Object.entries(cases),
  ["6 UTF-8", utf8Cases],
  ["9 limits and performance", limitsCases],
];

describe.each<Version>(["HTTP/1.1", "HTTP/2"])("Autobahn's cases over %s", (version) => {
  describe.each(dialects)("in the dialect $name", (dialect) => {
    test.each(sections)("section %s", { timeout: 120_000 }, async (_, sectionCases) => {
      const endpoint = await startEndpoint(version, dialect);
      const faults: string[] = [];
      for (const each of sectionCases) {
        const found = await faultsOf(each, dialect, await endpoint.open());
        faults.push(...found.map((fault) => `${each.id}: ${fault}`));
      }
      expect(faults).toEqual([]);
      const stored = await storedTexts(endpoint.server);
      expect(stored.filter((text) => text.includes(afterClose))).toEqual([]);
    });
  });
});

test("as many cases as Autobahn has", () => {
  const count = (prefix: string) =>
    sections
      .flatMap(([, sectionCases]) => sectionCases)
      .filter(({ id }) => id.startsWith(`${prefix}.`)).length;
  expect(["1", "2", "3", "4", "5", "6", "7", "10"].map(count)).toEqual([
    16, 11, 7, 10, 20, 145, 37, 2,
  ]);
});
