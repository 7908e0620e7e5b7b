import { createClient, type Interceptor } from "@connectrpc/connect";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";

/*
 * Runs in a browser: a page that has many calls open at the same time.
 */

const page = {
  /** Subscribes this many times, posts, and returns the texts that the subscriptions got first. */
  async subscribeOften(token: string, count: number): Promise<string[]> {
    const withToken: Interceptor = (next) => (request) => {
      request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    };
    const transport = createWebSocketTransport({
      baseUrl: location.origin,
      interceptors: [withToken],
    });
    const client = createClient(ChatterService, transport);
    let open = 0;
    let allOpen = () => {};
    const areOpen = new Promise<void>((resolve) => {
      allOpen = resolve;
    });
    const onHeader = () => {
      open++;
      if (open === count) {
        allOpen();
      }
    };
    const firsts = Array.from({ length: count }, async () => {
      for await (const { message } of client.subscribe({}, { onHeader })) {
        return message;
      }
      return "";
    });
    await areOpen;
    await client.post({ message: "to all of them" });
    return Promise.all(firsts);
  },
};

export type ManyCallsPage = typeof page;

Object.assign(globalThis, { page });
