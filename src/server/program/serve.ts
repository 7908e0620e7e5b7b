import type { Logger } from "pino";
import { createChatter } from "../chatter.js";
import { checkListenable } from "../http/listen-on.js";
import { listen } from "../http/server.js";
import { watchCertificate } from "../http/tls/watched-certificate.js";
import { checkSocketListenable } from "../http/unix-socket.js";
import { openFileLog } from "../log/file/file-log.js";
import { createMemoryLog } from "../log/memory-log.js";
import type { MessageLog } from "../log/message-log.js";
import type { LogObserver } from "../log/observer.js";
import { createMetrics } from "../metrics/metrics.js";
import { listenForMetrics, type MetricsServer } from "../metrics/metrics-server.js";
import type { LogSettings } from "../settings/log-settings.js";
import type { ServeSettings } from "../settings/settings.js";
import { startTracing } from "../tracing/open-telemetry.js";
import { openAccounts } from "./accounts.js";
import { keepObjectsYoung, limitYoungGeneration } from "./heap.js";
import { LogOutput, openStandardError } from "./log-output.js";
import { createLogger } from "./logger.js";
import { logProcess } from "./process-events.js";
import { stopSignal } from "./stop-signal.js";

/**
 * The program: opens the log, serves until the process is signalled to stop (SIGTERM, SIGINT),
 * drains and resolves. Prints one line on standard output that says where it listens. Rejects with
 * a reason for people if it cannot start.
 */
export async function serve(settings: ServeSettings): Promise<void> {
  keepObjectsYoung();
  limitYoungGeneration();
  const output = new LogOutput(openStandardError());
  const logger = await createLogger({ level: settings.report.logLevel, destination: output });
  output.onResume((dropped) =>
    logger.warn({ dropped }, "lines were dropped: the reader of the server log did not keep up"),
  );
  logProcess(logger, () => output.flushSync(lastLinesMs));
  try {
    await serveUntilStopped(settings, logger, output);
  } finally {
    await output.flushed(lastLinesMs);
  }
}

/** How long the last lines may take to be written if their reader is slow. */
const lastLinesMs = 1_000;

async function serveUntilStopped(
  settings: ServeSettings,
  logger: Logger,
  output: LogOutput,
): Promise<void> {
  await checkAddresses(settings);
  const tracing = await startTracing(process.env, logger);
  const accounts = await openAccounts(settings.accounts, settings.log.dataDir, logger);
  const files = settings.listen.certificate;
  const certificate = files && (await watchCertificate(files, logger));
  const metrics = createMetrics();
  metrics.observeServerLog(() => output.dropped);
  const { metricsAddress } = settings.report;
  const log = await openLog(settings.log, logger, metrics.log);
  let metricsServer: MetricsServer | undefined;
  let graceEnd = 0;
  try {
    const chatter = createChatter({
      log,
      auth: accounts.auth,
      logger,
      metrics,
      metricsPage: metricsAddress === undefined,
      allowedOrigins: settings.listen.allowedOrigins,
      allowedHosts: settings.listen.answeredHosts,
      trustedProxies: settings.listen.trustedProxies,
      limits: settings.limits,
      reflection: settings.report.reflection,
    });
    if (metricsAddress) {
      metricsServer = await listenForMetrics(metrics, metricsAddress, {
        isReady: chatter.isReady,
        allowedHosts: settings.listen.allowedHosts,
      });
      logger.info({ url: metricsServer.url }, "metrics are served");
    }
    const server = await listen(chatter, {
      ...settings.listen,
      tls: certificate && {
        ...certificate.value,
        clientRequired: settings.listen.clientRequired,
      },
      onRefusedCertificate: ({ address, reason }) =>
        logger.info({ peer: address, reason }, "a client was refused because of its certificate"),
      onSilent: () => metrics.recordUnresponsive("http2"),
    });
    certificate?.onChange(() => server.renewCertificate(certificate.value));
    metrics.observeConnections(() => {
      const { all, http2 } = server.connections;
      const websocket = chatter.openWebSockets;
      return { http1: all - http2 - websocket, http2, websocket };
    });
    const stopped = stopSignal();
    output.flushSync(0); // The log lines of the start come first.
    process.stdout.write(`chatter is listening on ${server.url}\n`);
    await stopped;
    graceEnd = performance.now() + settings.listen.shutdownGraceMs;
    logger.info({ openCalls: chatter.openCalls }, "the server is stopping");
    const cut = await server.close(settings.listen.shutdownGraceMs);
    if (cut > 0) {
      logger.warn({ cut }, "connections were cut: they took longer than the grace period");
    }
  } finally {
    certificate?.close();
    await metricsServer?.close();
    await log.close();
    accounts.close();
    await tracing?.close(Math.max(minFlushMs, graceEnd - performance.now()));
  }
  logger.info({}, "the server has stopped");
}

/** Rejects if the server could not listen: before it creates the data folder and its files. */
async function checkAddresses({ listen, report }: ServeSettings): Promise<void> {
  if (listen.path !== undefined) {
    await checkSocketListenable(listen.path);
  } else if (!listen.reusePort) {
    // Servers that share the port would lose the connections that come meanwhile.
    await checkListenable(listen);
  }
  if (report.metricsAddress) {
    await checkListenable(report.metricsAddress);
  }
}

/** How long the last traces may take even if the grace period is over. */
const minFlushMs = 1_000;

async function openLog(
  settings: LogSettings,
  logger: Logger,
  observer: LogObserver,
): Promise<MessageLog> {
  const { dataDir, engine, nats, dedupe, retention } = settings;
  if (nats !== undefined) {
    const { openNatsLog } = await import("../log/nats/nats-log.js");
    return openNatsLog({
      ...nats,
      retention,
      dedupeMs: dedupe.windowMs,
      headFolder: dataDir,
      logger,
      observer,
    });
  }
  return engine === "memory"
    ? createMemoryLog({ dedupe, retention, observer })
    : openFileLog({ dir: dataDir, dedupe, retention, logger, observer });
}
