/* The programs under test: each is run by itself. */

interface CommonProgram {
  /** What it is called: `--only NAME`. */
  readonly name: string;
  /** What it is, in docs/conformance.md. */
  readonly title: string;
  /** What it can, a file in `configurations/`. */
  readonly configuration: string;
  /** What is known to fail in it, and why: a file in `known-failing/`. Default: nothing is. */
  readonly knownFailing?: string;
  /** What hangs in it and is not run, and why: a file in `hanging/`. Default: nothing does. */
  readonly hanging?: string;
  /** It is there to compare, and may fail. Default: false. */
  readonly isPeer?: boolean;
  /**
   * It has no option for whom to trust: its process trusts an authority, which certifies the suite's
   * server. Default: false.
   */
  readonly trustsAuthority?: boolean;
}

/** A server, before the suite's clients. */
export interface ServerProgram extends CommonProgram {
  readonly mode: "server";
  /** Its file, without ".ts". */
  readonly server: string;
}

/** A client, before the suite's servers. */
export interface ClientProgram extends CommonProgram {
  readonly mode: "client";
  readonly client: string;
}

/** A client before a server of ours. */
export interface PairProgram extends CommonProgram {
  readonly mode: "both";
  readonly client: string;
  readonly server: string;
}

export type Program = ServerProgram | ClientProgram | PairProgram;

export const programs: readonly Program[] = [
  {
    name: "listen",
    title: "server, by `listen`",
    mode: "server",
    server: "servers/listen",
    configuration: "listen",
  },
  {
    name: "passthrough",
    title: "server, by `listen`, with streams past Connect's pipeline",
    mode: "server",
    server: "servers/passthrough",
    configuration: "listen",
  },
  {
    name: "own-request",
    title: "your own server, by `requestListener`",
    mode: "server",
    server: "servers/own-request",
    configuration: "own-server",
  },
  {
    name: "own-stream",
    title: "your own server, by `streamListener`",
    mode: "server",
    server: "servers/own-stream",
    configuration: "own-server",
  },
  {
    name: "tunnel",
    title: "tunnel, to `listen`",
    mode: "both",
    client: "clients/tunnel",
    server: "servers/listen",
    configuration: "tunnel",
  },
  {
    name: "tunnel-proxy",
    title: "tunnel, in front of the suite's server",
    mode: "client",
    client: "clients/tunnel-proxy",
    configuration: "tunnel-proxy",
    knownFailing: "tunnel-proxy",
  },
  {
    name: "client-node",
    title: "client library, Node",
    mode: "client",
    client: "clients/node",
    configuration: "client-node",
    knownFailing: "client-node",
  },
  {
    name: "client-browser",
    title: "client library, browsers",
    mode: "client",
    client: "clients/browser",
    configuration: "client-browser",
    trustsAuthority: true,
  },
  {
    name: "connect-node-client",
    title: "plain connect-node's client",
    mode: "client",
    client: "clients/connect-node",
    configuration: "client-node",
    knownFailing: "connect-node-client",
    isPeer: true,
  },
  {
    name: "connect-node-server",
    title: "plain connect-node's server",
    mode: "server",
    server: "servers/connect-node",
    configuration: "own-server",
    hanging: "connect-node-server",
    isPeer: true,
  },
];
