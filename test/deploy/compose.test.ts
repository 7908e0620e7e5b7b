import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { settings } from "../../src/server/settings/settings.js";
import { readYaml } from "../support/yaml.js";

const folder = fileURLToPath(new URL("../../examples/compose", import.meta.url));

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly networks: readonly string[];
  readonly depends_on?: readonly string[];
  readonly ports?: readonly string[];
  readonly stop_grace_period?: string;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: object;
  readonly volumes: object;
}

const [compose] = readYaml("examples/compose/compose.yaml") as [Compose];
const { services } = compose;

/** What the Compose specification has, as far as it is used here. */
const known = {
  top: ["name", "x-nats", "services", "networks", "volumes"],
  service:
    "build cap_drop command depends_on environment image init networks ports read_only restart security_opt stop_grace_period volumes".split(
      " ",
    ),
};

test("it has no key that Compose does not know, and refers to nothing that is not there", () => {
  expect(known.top).toEqual(expect.arrayContaining(Object.keys(compose)));
  expect(Object.keys(services).sort()).toEqual(
    ["chatter", "grafana", "n1", "n2", "n3", "prometheus"].sort(),
  );
  for (const [name, service] of Object.entries(services)) {
    expect(known.service, name).toEqual(expect.arrayContaining(Object.keys(service)));
    expect(Object.keys(compose.networks)).toEqual(expect.arrayContaining([...service.networks]));
    expect(Object.keys(services)).toEqual(expect.arrayContaining([...(service.depends_on ?? [])]));
    expect(service.image ?? service.build, name).toBeDefined();
    for (const volume of service.volumes ?? []) {
      const source = volume.split(":")[0]!;
      // The secrets are made by hand, as README.md says.
      const isThere = source === "./secrets" || existsSync(join(folder, source));
      expect(source.startsWith(".") ? isThere : source in compose.volumes, volume).toBe(true);
    }
    for (const port of service.ports ?? []) {
      expect(port, name).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    }
  }
});

test("Chatter's variables are settings, and it may drain", () => {
  const { environment, build, stop_grace_period } = services.chatter!;
  const variables = Object.values(settings).map(({ variable }) => variable);
  expect(variables).toEqual(expect.arrayContaining(Object.keys(environment!)));
  expect(existsSync(join(folder, build!.context, build!.dockerfile))).toBe(true);
  expect(Number.parseInt(stop_grace_period!, 10)).toBeGreaterThan(
    Number(settings.shutdownGrace!.default),
  );
});

test("each NATS node knows the others, and Chatter knows all of them", () => {
  const nodes = Object.keys(services).filter((name) => /^n\d$/.test(name));
  for (const node of nodes) {
    const routes = /--routes (\S+)/.exec(services[node]!.command!)![1]!.split(",");
    const others = nodes.filter((name) => name !== node);
    expect(routes).toEqual(others.map((name) => `nats://${name}:6222`));
  }
  const log = nodes.map((name) => `nats://${name}:4222`).join(",");
  expect(services.chatter!.environment).toMatchObject({ CHATTER_LOG: log });
});

test("Grafana finds Prometheus, and Prometheus the port of Chatter's metrics", () => {
  const [source] = readYaml("examples/compose/grafana-datasource.yml");
  expect(source).toMatchObject({ datasources: [{ url: "http://prometheus:9090" }] });
  const [provider] = readYaml("examples/compose/grafana-dashboards.yml");
  expect(provider).toMatchObject({ providers: [{ options: { path: "/etc/grafana/dashboards" } }] });
  const [prometheus] = readYaml("examples/compose/prometheus.yml");
  expect(prometheus).toMatchObject({
    scrape_configs: [{ job_name: "chatter", dns_sd_configs: [{ names: ["chatter"], port: 9090 }] }],
  });
  const { environment } = services.chatter!;
  expect(environment!.CHATTER_METRICS_ADDRESS).toBe("0.0.0.0:9090");
});
