import { type NatsProcess, startRoutedCluster } from "../../support/nats-server.js";
import { type LinkProxy, startLinkProxy } from "./link-proxy.js";

/** Three NATS nodes with a network between them that can be cut. */
export interface DividedCluster {
  readonly nodes: readonly NatsProcess[];
  /** Cuts a node off from the others: its clients notice nothing. */
  isolate(node: NatsProcess): void;
  /** All reach each other again. */
  heal(): void;
}

/** Starts the cluster; ended after the test. */
export async function startDividedCluster(): Promise<DividedCluster> {
  const links: { readonly ends: readonly number[]; readonly link: LinkProxy }[] = [];
  const nodes = await startRoutedCluster(async (from, to, port) => {
    const link = await startLinkProxy(port);
    links.push({ ends: [from, to], link });
    return link.address;
  });
  return {
    nodes,
    isolate(node) {
      for (const { ends, link } of links) {
        if (ends.includes(nodes.indexOf(node))) {
          link.cut();
        }
      }
    },
    heal() {
      for (const { link } of links) {
        link.heal();
      }
    },
  };
}
