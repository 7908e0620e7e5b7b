import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { registerNatsMetrics } from "../../src/server/metrics/nats-metrics.js";
import { settings } from "../../src/server/settings/settings.js";
import { needProgram } from "../support/need-program.js";
import { startServe } from "../support/serve.js";
import { tempDir } from "../support/temp-dir.js";
import { readYaml } from "../support/yaml.js";

const folder = fileURLToPath(new URL("../../examples/monitoring", import.meta.url));
const alerts = readFileSync(join(folder, "alerts.yml"), "utf8");
const dashboard = JSON.parse(readFileSync(join(folder, "dashboard.json"), "utf8"));

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

const [{ groups }] = readYaml("examples/monitoring/alerts.yml") as [
  { groups: { rules: Rule[] }[] },
];
const rules = groups.flatMap((group) => group.rules);
const panels: Panel[] = dashboard.panels;
const expressions = [
  ...rules.map(({ expr }) => expr),
  ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
];

describe("promtool accepts", () => {
  test.for([
    ["the alerts", ["check", "rules", join(folder, "alerts.yml")]],
    ["what they do", ["test", "rules", join(folder, "alerts-test.yml")]],
  ] as const)("%s", ([, args], context) => {
    needProgram("promtool", context);
    promtool(args);
  });

  test("the dashboard's expressions", (context) => {
    needProgram("promtool", context);
    // A rule is checked, an expression alone is not: each becomes one.
    const record = expressions.map((expr, i) => ({ record: `panel:${i}`, expr: plain(expr) }));
    const file = join(tempDir(), "dashboard.yml");
    writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules: record }] }));
    promtool(["check", "rules", file]);
  });

  test("the configuration of Compose", (context) => {
    needProgram("promtool", context);
    const dir = tempDir();
    copyFileSync(join(folder, "../compose/prometheus.yml"), join(dir, "prometheus.yml"));
    copyFileSync(join(folder, "alerts.yml"), join(dir, "alerts.yml"));
    promtool(["check", "config", join(dir, "prometheus.yml")]);
  });
});

test("every metric and every label value that they name is one of the server's", async () => {
  const server = await startServe(["--demo", "--data-dir", tempDir()]);
  const served = await (await fetch(`${server.url}/metrics`)).text();
  const registry = new Registry();
  registerNatsMetrics(registry, () => {
    throw new Error("nobody asks for values");
  });
  const names = new Set([
    "up", // Prometheus' own
    ...[...served.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name!),
    ...registry.getMetricsAsArray().map(({ name }) => name),
  ]);
  for (const expr of expressions) {
    const used = [...expr.matchAll(/\b(?:up|(?:chatter|grpc_server|nodejs|process)_\w+)\b/g)]
      .map(([name]) => name.replace(/_bucket$/, ""))
      .filter((name) => !names.has(name));
    expect(used, expr).toEqual([]);
    for (const [label] of expr.matchAll(/\bmore_than="\d+"/g)) {
      expect(served).toContain(`{${label}`);
    }
  }
});

test("an alert says where to read on, and its limit of unread bytes is three quarters of the default", () => {
  for (const { alert, annotations } of rules) {
    expect(annotations.summary, alert).toBeTruthy();
    expect(annotations.runbook, alert).toMatch(/^docs\/[\w-]+\.md#[\w-]+$/);
  }
  const limit = Number(settings.maxUnreadBytes!.default) * 0.75;
  expect(alerts).toContain(`chatter_unread_bytes > ${limit}\n`);
});

test("the dashboard's panels have numbers of their own, and do not overlap", () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { title, type, description, targets, gridPos } of panels) {
    expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
    expect(type === "row" || (description && targets?.length), title).toBeTruthy();
  }
  for (const a of panels) {
    for (const b of panels) {
      const [p, q] = [a.gridPos, b.gridPos];
      const apart = p.x + p.w <= q.x || q.x + q.w <= p.x || p.y + p.h <= q.y || q.y + q.h <= p.y;
      expect(a === b || apart, `${a.title} and ${b.title}`).toBe(true);
    }
  }
});

/** As Prometheus gets it: without Grafana's variables. */
function plain(expr: string): string {
  return expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*");
}

function promtool(args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync("promtool", args, { encoding: "utf8" });
  expect(status, `${stdout}${stderr}`).toBe(0);
}
