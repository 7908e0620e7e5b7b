import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { freePort } from "../client/support/free-port.js";
import type { KeyPair } from "./certificates.js";
import { requireAll } from "./log-messages.js";
import { tempDir } from "./temp-dir.js";

/** A proxy with the configuration that users get, and what a test changes in it. */
export interface ReverseProxy {
  readonly name: string;
  /** The configuration's file, and that for two servers. */
  readonly file: string;
  readonly twoServersFile: string;
  readonly isInstalled: boolean;
  /** Whether it ends streams that are idle. */
  readonly hasTimeouts: boolean;
  /** Starts it before a server, as a user without rights; stopped after the test. */
  start(options: ProxyOptions): Promise<{ readonly url: string }>;
}

export interface ProxyOptions {
  /** Where Chatter is: "http://127.0.0.1:43210"; for nginx also "unix:/…". */
  readonly url: string;
  /** Where a second server is. Default: there is none. */
  readonly secondUrl?: string;
  readonly certificate: KeyPair;
  /** How long a stream may be idle, in seconds, where the proxy has such a limit. */
  readonly timeoutSeconds?: number;
}

export const nginx: ReverseProxy = {
  name: "nginx",
  file: exampleFile("nginx.conf"),
  twoServersFile: exampleFile("nginx-two-servers.conf"),
  isInstalled: spawnSync("nginx", ["-v"], { env: withSbin() }).status === 0,
  hasTimeouts: true,
  start: ({ url, secondUrl, certificate, timeoutSeconds }) =>
    startProxy(certificate, (dir, port) => {
      const two = secondUrl && twoServers(nginx, url, secondUrl);
      const site = change(read(nginx.file), [
        ...(two ? [[/upstream chatter \{[\s\S]*?\n\}\n[\s\S]*?\n\}\n/, two] as const] : []),
        [/\n\s*listen \[::\]:443 .*/, ""],
        ["listen 443 ", `listen 127.0.0.1:${port} `],
        ["chatter.example", "localhost"],
        ["/etc/ssl/chatter/tls.crt", join(dir, "tls.crt")],
        ["/etc/ssl/chatter/tls.key", join(dir, "tls.key")],
        ...(two ? [] : [[/127\.0\.0\.1:8080/g, new URL(url).host || url] as const]),
        ...(timeoutSeconds === undefined
          ? []
          : [[/_read_timeout 1h/, `_read_timeout ${timeoutSeconds}s`] as const]),
      ]);
      const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
      writeFileSync(join(dir, "chatter.conf"), site);
      // The settings of Debian's own nginx.conf, for a user who may write nowhere else.
      writeFileSync(
        join(dir, "nginx.conf"),
        `daemon off; pid ${dir}/pid; error_log stderr; worker_processes 1;
        events { worker_connections 256; }
        http {
          access_log off;
          ${temporary.map((name) => `${name}_temp_path ${dir}/temp;`).join(" ")}
          ${timeoutSeconds === undefined ? "" : `proxy_read_timeout ${timeoutSeconds}s;`}
          include ${dir}/chatter.conf;
        }`,
      );
      return ["nginx", "-p", dir, "-e", "stderr", "-c", join(dir, "nginx.conf")];
    }),
};

export const caddy: ReverseProxy = {
  name: "Caddy",
  file: exampleFile("Caddyfile"),
  twoServersFile: exampleFile("Caddyfile.two-servers"),
  isInstalled: spawnSync("caddy", ["version"]).status === 0,
  hasTimeouts: false,
  start: ({ url, secondUrl, certificate }) =>
    startProxy(certificate, (dir, port) => {
      const tls = `tls ${dir}/tls.crt ${dir}/tls.key`;
      const own = secondUrl
        ? twoServers(caddy, url, secondUrl)
        : change(read(caddy.file), [[/127\.0\.0\.1:8080/g, new URL(url).host]]);
      const site = change(own, [
        ["chatter.example {", `https://localhost:${port} {\n\tbind 127.0.0.1\n\t${tls}`],
      ]);
      // No second port for redirections, none for administration, no HTTP/3.
      const options =
        "{\n\tadmin off\n\tauto_https off\n\tservers {\n\t\tprotocols h1 h2\n\t}\n}\n";
      writeFileSync(join(dir, "Caddyfile"), options + site);
      return ["caddy", "run", "--config", join(dir, "Caddyfile"), "--adapter", "caddyfile"];
    }),
};

/** The proxies that tests can start. Others are left out with a line, or fail where all are required. */
export function startableProxies(): ReverseProxy[] {
  return [nginx, caddy].filter(({ name, isInstalled }) => {
    if (!isInstalled && !requireAll) {
      console.warn(`skipped: there is no ${name} here`);
    }
    return isInstalled || requireAll;
  });
}

function exampleFile(name: string): string {
  return fileURLToPath(new URL(`../../examples/proxies/${name}`, import.meta.url));
}

/** A proxy's configuration for two servers, with where they are. */
function twoServers(proxy: ReverseProxy, url: string, secondUrl: string): string {
  return change(read(proxy.twoServersFile), [
    [/10\.0\.0\.1:8080/g, new URL(url).host],
    [/10\.0\.0\.2:8080/g, new URL(secondUrl).host],
  ]);
}

function read(file: string): string {
  return readFileSync(file, "utf8");
}

/** Each of the changes must have something to change. */
function change(text: string, changes: (readonly [string | RegExp, string])[]): string {
  return changes.reduce((changed, [from, to]) => {
    const result = changed.replace(from, to);
    if (result === changed) {
      throw new Error(`the configuration has no ${from}`);
    }
    return result;
  }, text);
}

/** Nobody, where tests run as root: no proxy of theirs may need more. */
const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

async function startProxy(
  certificate: KeyPair,
  configure: (dir: string, port: number) => string[],
): Promise<{ url: string }> {
  // Another program may take the port before the proxy does.
  for (let attempt = 1; ; attempt++) {
    const dir = tempDir();
    const port = await freePort();
    writeFileSync(join(dir, "tls.crt"), certificate.cert);
    writeFileSync(join(dir, "tls.key"), certificate.key);
    mkdirSync(join(dir, "temp"));
    const [command = "", ...args] = configure(dir, port);
    if (user.uid !== undefined) {
      for (const path of [dir, join(dir, "temp"), join(dir, "tls.key")]) {
        chownSync(path, user.uid, user.gid);
      }
    }
    const child = spawn(command, args, {
      ...user,
      cwd: dir,
      env: { ...withSbin(), HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir },
      stdio: ["ignore", "ignore", "pipe"],
    });
    onTestFinished(() => stop(child));
    let errors = "";
    child.stderr.on("data", (chunk) => {
      errors += chunk;
    });
    if (await listens(child, port)) {
      return { url: `https://localhost:${port}` };
    }
    if (attempt === 3) {
      throw new Error(`${command} does not start: ${errors}`);
    }
  }
}

/** Debian keeps nginx where not every user's PATH leads. */
function withSbin(): NodeJS.ProcessEnv {
  return { PATH: `${process.env.PATH}:/usr/sbin` };
}

async function listens(child: ChildProcess, port: number): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    const socket = connect(port, "127.0.0.1");
    const isThere = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) {
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, "exit");
    child.kill("SIGTERM"); // nginx's worker is signalled by its master.
    await ended;
  }
}
