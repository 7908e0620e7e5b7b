/* The client library's entry for Node. */
import { createChatterClient } from "../../../src/client/node.js";
import { runClient } from "./client-program.js";
import { openChatter } from "./open-chatter.js";
import { tlsOptions } from "./requested.js";

await runClient((request) => {
  const tls = request.serverTlsCert.length > 0 ? tlsOptions(request) : undefined;
  return openChatter((options) => createChatterClient({ ...options, tls }), request);
});
