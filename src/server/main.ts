import type { Logger } from "pino";
import { openAccounts } from "./accounts.js";
import { createChatter } from "./chatter.js";
import { keepObjectsYoung } from "./heap.js";
import { listen } from "./http/server.js";
import { watchCertificate } from "./http/watched-certificate.js";
import { openLevelLog } from "./log/level-log.js";
import type { LogObserver } from "./log/log-observer.js";
import { createMemoryLog } from "./log/memory-log.js";
import type { MessageLog } from "./log/message-log.js";
import { createLogger } from "./logger.js";
import { createMetrics } from "./metrics/metrics.js";
import { listenForMetrics, type MetricsServer } from "./metrics/metrics-server.js";
import type { LogSettings } from "./settings/log-settings.js";
import type { ServeSettings } from "./settings/settings.js";
import { stopSignal } from "./stop-signal.js";
import { startTracing } from "./tracing/open-telemetry.js";

/**
 * The program: opens the log, serves until the process is told to stop (SIGTERM, SIGINT),
 * drains and resolves. Says on one line of standard output where it listens. Rejects with
 * a reason for people if it cannot start.
 */
export async function serve(settings: ServeSettings): Promise<void> {
  keepObjectsYoung();
  const logger = await createLogger({ level: settings.report.logLevel });
  const tracing = await startTracing(process.env, logger);
  const accounts = await openAccounts(settings.accounts, settings.log.dataDir, logger);
  const files = settings.listen.certificate;
  const certificate = files && (await watchCertificate(files, logger));
  const metrics = createMetrics();
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
      trustedProxies: settings.listen.trustedProxies,
      limits: settings.limits,
      reflection: settings.report.reflection,
    });
    if (metricsAddress) {
      metricsServer = await listenForMetrics(metrics, metricsAddress);
      logger.info({ url: metricsServer.url }, "metrics are served");
    }
    const server = await listen(chatter, {
      ...settings.listen,
      tls: certificate?.value,
      onSilent: () => metrics.silent("http2"),
    });
    certificate?.onChange(() => server.renewCertificate(certificate.value));
    metrics.watchConnections(() => {
      const { all, http2 } = server.connections;
      const websocket = chatter.openWebSockets;
      return { http1: all - http2 - websocket, http2, websocket };
    });
    const told = stopSignal();
    process.stdout.write(`chatter is listening on ${server.url}\n`);
    await told;
    graceEnd = performance.now() + settings.listen.shutdownGraceMs;
    logger.info({ openCalls: chatter.openCalls }, "the server is stopping");
    const cut = await server.close(settings.listen.shutdownGraceMs);
    if (cut > 0) {
      logger.warn({ cut }, "connections were cut: they took longer than the grace");
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

/** What the last traces have even if the grace is over. */
const minFlushMs = 1_000;

async function openLog(
  settings: LogSettings,
  logger: Logger,
  observer: LogObserver,
): Promise<MessageLog> {
  const { dataDir, engine, nats, dedupe, retention } = settings;
  if (nats !== undefined) {
    const { openNatsLog } = await import("./log/nats-log.js");
    return openNatsLog({ ...nats, retention, dedupeMs: dedupe.windowMs, logger, observer });
  }
  return engine === "memory"
    ? createMemoryLog({ dedupe, retention, observer })
    : openLevelLog({ dir: dataDir, dedupe, retention, logger, observer });
}
