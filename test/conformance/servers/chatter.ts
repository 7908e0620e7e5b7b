/* Chatter with the suite's service mounted, as a user would. */
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type Auth,
  type Chatter,
  createChatter,
  createMemoryLog,
} from "../../../src/server/index.js";
import type { ServerCompatRequest } from "../gen/connectrpc/conformance/v1/server_compat_pb.js";
import { conformanceRoutes, type Methods } from "../service/service.js";

/** Takes any token. */
const auth: Auth = {
  login: () => Promise.reject(new ConnectError("there are no passwords here", Code.Unimplemented)),
  verify: async () => ({
    subject: "conformance",
    scopes: [],
    tokenId: "conformance",
    expiresAt: Date.now() + 3_600_000,
  }),
};

/** What a client without a token is given: mounted methods need one, and the suite has none. */
export const authorization = "Bearer conformance";

/** @param methods default: those of a user */
export function createServedChatter(request: ServerCompatRequest, methods?: Methods): Chatter {
  const chatter = createChatter({
    log: createMemoryLog(),
    auth,
    routes: conformanceRoutes(methods),
    page: false,
    limits: { maxMessageBytes: request.messageReceiveLimit },
  });
  return withAuthorization(chatter);
}

/** The same, but that every request comes with a token. */
function withAuthorization(chatter: Chatter): Chatter {
  const requestListener: Chatter["requestListener"] = (request, response) => {
    request.headers.authorization ??= authorization;
    chatter.requestListener(request, response);
  };
  const streamListener: Chatter["streamListener"] = (stream, headers, ...rest) => {
    headers.authorization ??= authorization;
    chatter.streamListener(stream, headers, ...rest);
  };
  return Object.create(chatter, {
    requestListener: { value: requestListener },
    streamListener: { value: streamListener },
  });
}
