import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { servedDuring } from "../support/bystander.js";
import { openRawConnection, type RawConnection } from "../support/raw-connection.js";
import { startServerProcess } from "../support/server-process.js";
import { rounds, until } from "../support/streams.js";

/** How many files a process may have open; everything else needs fewer than 500. */
function maxOpenFiles(): number {
  const file = "/proc/self/limits"; // Where there is no limit to read, the default is low enough.
  const limits = existsSync(file) ? readFileSync(file, "utf8") : "";
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 2000);
}

const count = Math.min(rounds(1000), 10_000, maxOpenFiles() - 500);

test(`${count} connections that say nothing: others are served, and all of it comes back`, async () => {
  const server = await startServerProcess({ handshakeTimeoutMs: 3000 });
  try {
    await servedDuring("before", server, () => openRawConnection(server.url).then(() => {}));
    const before = await server.state();
    const silent: RawConnection[] = [];
    let during = before;
    await servedDuring(`${count} connections that say nothing`, server, async () => {
      while (silent.length < count) {
        const some = Array.from({ length: Math.min(250, count - silent.length) }, () =>
          openRawConnection(server.url),
        );
        silent.push(...(await Promise.all(some)));
      }
      during = await server.look();
      await until(() => silent.every(({ ended }) => ended), "the server has closed them");
    });
    const after = await server.state();
    console.info(
      `${count} connections that say nothing: RSS ${before.rssMb}, ${during.rssMb}, ${after.rssMb} MB, ` +
        `heap ${before.heapMb}, ${during.heapMb}, ${after.heapMb} MB`,
    );
    expect(during.connections).toBeGreaterThan(Math.min(count / 2, 500));
    expect(after.connections).toBeLessThanOrEqual(before.connections);
    expect(after.heapMb - before.heapMb).toBeLessThan(30);
  } finally {
    await server.stop();
  }
}, 60_000);
