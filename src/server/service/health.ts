import type { ServiceImpl } from "@connectrpc/connect";
import { pause } from "../../async/abort.js";
import {
  type Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../gen/health/v1/health_pb.js";
import { unknownService } from "./errors.js";
import { accept } from "./passthrough/stream-io.js";

/** How often Watch checks whether the status has changed, in milliseconds. */
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
        throw unknownService({ name: JSON.stringify(service) });
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
        await pause(watchIntervalMs, context.signal).catch(() => {}); // A stop is reported first.
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
