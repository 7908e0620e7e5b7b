import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createNode, type NatsProcess, type NatsProgram } from "../../support/nats-server.js";
import { tempDir } from "../../support/temp-dir.js";

/** A node of NATS with a network and a disk of its own. */
export interface NetworkNode extends NatsProcess {
  /** It reaches nobody, and nobody reaches it, until `connect`. */
  disconnect(): void;
  /** The other nodes receive nothing of it, but it receives what they send, until `connect`. */
  mute(): void;
  /** What it sends is delayed by this much, until `connect`; false if the kernel cannot do that. */
  delay(ms: number): boolean;
  /** Its network works again. */
  connect(): void;
  /** There is no space on its disk, until `makeRoom`. */
  fillDisk(): void;
  makeRoom(): void;
}

/** Whether networks and disks can be made here: it takes Linux, root, and iproute2. */
export function hasNetworks(): boolean {
  if (process.getuid?.() !== 0 || spawnSync("ip", ["-V"]).status !== 0) {
    return false;
  }
  const name = `chatter-${process.pid}-try`;
  const isMade = spawnSync("ip", ["netns", "add", name]).status === 0;
  spawnSync("ip", ["netns", "del", name]);
  return isMade;
}

const ip = (...args: string[]) => execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });

/** Such as "in n1": `ip` in the network of a node. */
const ipIn = (name: string, ...args: string[]) => ip("-n", name, ...args);

const diskBytes = 96 * 1024 * 1024;

/**
 * Starts a cluster of three, each node in a network namespace of its own with a small disk in
 * memory; they are connected by a bridge in a further one, and so is this process. Gone after the
 * test.
 */
export async function startNetworkCluster(program: NatsProgram): Promise<NetworkNode[]> {
  const prefix = `chatter-${process.pid}-${count++}`;
  const net = `10.213.${(process.pid + count) % 256}`;
  const hub = `${prefix}-hub`;
  const dir = tempDir();
  const names = [1, 2, 3].map((i) => `${prefix}-n${i}`);
  const disks = [1, 2, 3].map((i) => join(dir, `disk${i}`));
  onTestFinished(() => {
    for (const name of [hub, ...names]) {
      spawnSync("ip", ["netns", "del", name]);
    }
    for (const disk of disks) {
      spawnSync("umount", ["-l", disk]);
    }
    rmSync(dir, { recursive: true, force: true });
  });
  ip("netns", "add", hub);
  ipIn(hub, "link", "add", "br0", "type", "bridge");
  ipIn(hub, "link", "set", "br0", "up");
  const attach = (port: string) => {
    ipIn(hub, "link", "set", port, "master", "br0");
    ipIn(hub, "link", "set", port, "up");
  };
  // This process, and the Chatter servers that it starts.
  const own = `ch${process.pid % 100_000}x${count}`;
  ip("link", "add", own, "type", "veth", "peer", "name", "host", "netns", hub);
  ip("addr", "add", `${net}.100/24`, "dev", own);
  ip("link", "set", own, "up");
  attach("host");
  const nodes = names.map((name, i) => {
    ip("netns", "add", name);
    ip("link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", `p${i}`, "netns", hub);
    ipIn(name, "addr", "add", `${net}.${i + 1}/24`, "dev", "eth0");
    ipIn(name, "link", "set", "eth0", "up");
    ipIn(name, "link", "set", "lo", "up");
    attach(`p${i}`);
    mkdirSync(disks[i]!);
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${diskBytes}`, "none", disks[i]!]);
    return createNetworkNode(name, disks[i]!, net, i + 1, program);
  });
  await Promise.all(nodes.map((node) => node.start()));
  return nodes;
}

let count = 0;

function createNetworkNode(
  name: string,
  disk: string,
  net: string,
  number: number,
  program: NatsProgram,
): NetworkNode {
  const others = [1, 2, 3].filter((other) => other !== number);
  const node = createNode(
    4222,
    `server_name: n${number}
     cluster {
       name: c, listen: "${net}.${number}:6222"
       routes: [${others.map((other) => `nats://${net}.${other}:6222`).join(", ")}]
     }`,
    program.path,
    `max_file: ${diskBytes}`,
    {
      host: `${net}.${number}`,
      runner: ["ip", "netns", "exec", name],
      store: join(disk, "store"),
    },
  );
  const fill = join(disk, "fill");
  return {
    ...node,
    disconnect: () => ipIn(name, "link", "set", "eth0", "down"),
    mute() {
      for (const other of others) {
        ipIn(name, "route", "replace", "blackhole", `${net}.${other}/32`);
      }
    },
    delay: (ms) =>
      spawnSync("ip", [
        ...["netns", "exec", name, "tc", "qdisc", "replace", "dev", "eth0", "root"],
        ...["netem", "delay", `${ms}ms`],
      ]).status === 0,
    connect() {
      for (const other of others) {
        spawnSync("ip", ["-n", name, "route", "del", "blackhole", `${net}.${other}/32`]);
      }
      spawnSync("ip", ["netns", "exec", name, "tc", "qdisc", "del", "dev", "eth0", "root"]);
      ipIn(name, "link", "set", "eth0", "up");
    },
    fillDisk() {
      const { bavail, bsize } = statfsSync(disk);
      writeFileSync(fill, Buffer.alloc(bavail * bsize));
    },
    makeRoom() {
      if (existsSync(fill)) {
        rmSync(fill);
      }
    },
  };
}
