import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Deployment, StatefulSet } from "kubernetes-types/apps/v1.js";
import type { Container, Probe } from "kubernetes-types/core/v1.js";
import { describe, expect, test } from "vitest";
import { settings } from "../../src/server/settings/settings.js";
import { tempDir } from "../support/temp-dir.js";
import { readYaml } from "../support/yaml.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const files = ["examples/kubernetes/embedded.yaml", "examples/kubernetes/nats.yaml"];

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
}

test("each resource is of its kind, with no field that the kind does not have", () => {
  const dir = tempDir();
  mkdirSync(join(dir, "node_modules"));
  const types = "node_modules/kubernetes-types";
  symlinkSync(join(root, types), join(dir, types));
  const program = files.flatMap((file) => readYaml(file) as Resource[]).map(declarationOf);
  expect(program).toHaveLength(5);
  writeFileSync(join(dir, "resources.mts"), program.join("\n"));
  const options = ["--noEmit", "--strict", "--module", "esnext", "--moduleResolution", "bundler"];
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const args = [tsc, ...options, "resources.mts"];
  const { stdout } = spawnSync(process.execPath, args, { cwd: dir, encoding: "utf8" });
  expect(stdout).toBe("");
});

/** The compiler knows the fields of each kind, and says which is wrong. */
function declarationOf(resource: Resource, i: number): string {
  const { apiVersion, kind } = resource;
  const group = apiVersion.includes("/") ? apiVersion : `core/${apiVersion}`;
  const type = `import("kubernetes-types/${group}").${kind}`;
  return `export const resource${i}: ${type} = ${JSON.stringify(resource)};`;
}

describe.each(files)("%s", (file) => {
  const resources = readYaml(file) as (Deployment | StatefulSet)[];
  const workload = resources.find(({ kind }) => kind === "StatefulSet" || kind === "Deployment")!;
  const pod = workload.spec!.template.spec!;
  const container = pod.containers[0]!;

  test("its variables are settings, and have values that the server accepts", async () => {
    for (const { name, value } of container.env!) {
      const setting = Object.values(settings).find(({ variable }) => variable === name);
      expect(setting, name).toBeDefined();
      expect(value, name).not.toBe("");
    }
  });

  test("selectors, ports, volumes and the paths of secrets fit together", () => {
    const labels = workload.spec!.template.metadata!.labels!;
    for (const { kind, spec } of resources) {
      const selector: { matchLabels?: object } = spec!.selector;
      expect(labels, kind).toMatchObject(selector.matchLabels ?? selector);
    }
    const ports = container.ports!.map(({ name }) => name);
    for (const probe of probesOf(container)) {
      expect(ports).toContain(probe.httpGet!.port);
      expect(["/livez", "/readyz"]).toContain(probe.httpGet!.path);
    }
    const claims = (workload as StatefulSet).spec!.volumeClaimTemplates ?? [];
    const volumes = [...pod.volumes!, ...claims.map(({ metadata }) => metadata!)];
    for (const { name } of container.volumeMounts!) {
      expect(volumes.map((volume) => volume.name)).toContain(name);
    }
    const mounts = container.volumeMounts!.map(({ mountPath }) => mountPath);
    for (const { name, value } of container.env!) {
      if (name.endsWith("_FILE")) {
        expect(mounts, name).toContain(value!.slice(0, value!.lastIndexOf("/")));
      }
    }
  });

  test("it waits longer than the drain takes", () => {
    const grace = container.env!.find(({ name }) => name === "CHATTER_SHUTDOWN_GRACE")!.value;
    const [, preStop] = container.lifecycle!.preStop!.exec!.command!;
    expect(pod.terminationGracePeriodSeconds!).toBeGreaterThan(Number(grace) + Number(preStop));
  });

  test("its secrets cannot be written by their group, and it runs with few rights", () => {
    const { secret } = pod.volumes!.find(({ name }) => name === "secrets")!;
    expect(secret!.defaultMode! & 0o022).toBe(0);
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(container.securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    });
  });
});

test("only one pod may have the embedded log", () => {
  const [, workload] = readYaml(files[0]!) as StatefulSet[];
  expect(workload!.spec).toMatchObject({ replicas: 1 });
});

function probesOf({ startupProbe, livenessProbe, readinessProbe }: Container): Probe[] {
  return [startupProbe!, livenessProbe!, readinessProbe!];
}
