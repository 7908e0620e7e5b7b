import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  type Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../gen/health/v1/health_pb.js";
import { accept } from "./encoded-wire.js";
import { pause } from "./pause.js";

/** How often a watcher looks whether the status is another one, in milliseconds. */
const watchIntervalMs = 1000;

export interface HealthOptions {
  /** The full names of the services, each served when the server is ready. */
  readonly services: () => readonly string[];
  readonly isReady: () => boolean;
}

/** The gRPC health service: Check and Watch, for the server ("") and for each service. */
export function createHealth({ services, isReady }: HealthOptions): ServiceImpl<typeof Health> {
  function statusOf(service: string): Status {
    if (service !== "" && !services().includes(service)) {
      return Status.SERVICE_UNKNOWN;
    }
    return isReady() ? Status.SERVING : Status.NOT_SERVING;
  }
  return {
    check({ service }) {
      const status = statusOf(service);
      if (status === Status.SERVICE_UNKNOWN) {
        throw new ConnectError(
          `there is no service ${JSON.stringify(service)}: use reflection, or "" for the server`,
          Code.NotFound,
        );
      }
      return { status };
    },
    async *watch({ service }, context) {
      accept(context);
      let last: Status | undefined;
      for (;;) {
        const status = statusOf(service);
        if (status !== last) {
          yield { status };
          last = status;
        }
        context.signal.throwIfAborted();
        await pause(watchIntervalMs, context.signal).catch(() => {}); // A stop is told first.
      }
    },
    list() {
      const status = statusOf("");
      return {
        statuses: Object.fromEntries(["", ...services()].map((name) => [name, { status }])),
      };
    },
  };
}
