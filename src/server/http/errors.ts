import { Code } from "@connectrpc/connect";
import { defineError, defineFailure } from "../../errors/define.js";
import { defineRefusal } from "./plain-response.js";

/**
 * A request over HTTP/1.0 has `Transfer-Encoding`, so its end is uncertain.
 *
 * Remedy: Use HTTP/1.1 or HTTP/2. Look at the proxy's settings.
 */
export const ambiguousFraming = defineRefusal(
  400,
  "HTTP/1.0 has no Transfer-Encoding: use Content-Length, or HTTP/1.1",
);

/**
 * A client speaks plain HTTP to a port that has TLS.
 *
 * Remedy: Use `https://` or `wss://`.
 */
export const cleartextOnTls = defineRefusal(400, "this port speaks TLS: use https://");

/**
 * A page of an origin that `--allowed-origins` does not name called the server.
 *
 * Remedy: The operator adds the origin to `--allowed-origins`.
 */
export const foreignOrigin = defineRefusal(403, "pages of this origin may not call this server");

/**
 * `/metrics` was requested from another machine, or through a proxy.
 *
 * Remedy: Set `--metrics-address`.
 */
export const metricsElsewhere = defineRefusal(
  403,
  "metrics are for programs on the same machine; --metrics-address serves them on an address of their own",
);

/**
 * No method, probe or page has this path.
 *
 * Remedy: Correct the path: `/chatter.v1.ChatterService/METHOD`, or one of goa's dialect.
 */
export const unknownPath = defineRefusal(404, "there is nothing at <path>");

/**
 * Something else was requested of `--metrics-address`.
 *
 * Remedy: Correct the path.
 */
export const unknownMetricsPath = defineRefusal(
  404,
  "this address has only <path>, /livez and /readyz, for GET",
);

/**
 * The path exists, but not for this HTTP method.
 *
 * Remedy: Use one of the methods that the text and `Allow` name.
 */
export const methodNotAllowed = defineRefusal(405, "<method> is not allowed here: use <allowed>");

/**
 * The request speaks none of the protocols, or streams with a content type for one message.
 *
 * Remedy: Use one of the content types that the text names.
 */
export const unsupportedContentType = defineRefusal(
  415,
  "<method> does not accept this content type: use <types>, application/grpc or application/grpc-web",
);

/**
 * The request names a host that `--allowed-hosts` lacks. Plain HTTP has the status 421.
 *
 * Remedy: Correct the URL, or add the host to `--allowed-hosts`.
 */
export const misdirected = defineError(
  Code.Unavailable,
  "this server does not answer for the host <host>: --allowed-hosts (CHATTER_ALLOWED_HOSTS) names those that it answers for",
);

/**
 * A plain request was sent to the path of a WebSocket.
 *
 * Remedy: Open a WebSocket. A proxy must pass `Upgrade` on, see [proxies.md](proxies.md).
 */
export const upgradeRequired = defineRefusal(
  426,
  "this is a WebSocket: connect with ws:// or wss://",
);

/**
 * One address has as many open connections as `--max-address-connections` allows. Over HTTP/2 the
 * text is in GOAWAY, with the code ENHANCE_YOUR_CALM; over TLS the connection is just closed.
 *
 * Remedy: Close connections, or use one for many calls.
 */
export const tooManyConnections = defineRefusal(
  429,
  "too many connections from this address: close some first",
);

/**
 * The headers of a request exceed `--max-header-bytes`.
 *
 * Remedy: Send fewer or shorter headers.
 */
export const largeHeaders = defineRefusal(
  431,
  "the headers are too large: all of them have at most <most> bytes",
);

/**
 * A program mounts Chatter on a server of its own that drops headers beyond a number.
 *
 * Remedy: Set `maxHeadersCount` of that server to 0.
 */
export const droppedHeaders = defineRefusal(
  431,
  "there are too many headers: this server drops some (see maxHeadersCount of node:http)",
);

/**
 * The files of the browser page are missing or cannot be read. The server log says why.
 *
 * Remedy: Install Chatter again, or run `npm run build`.
 */
export const pageMissing = defineRefusal(500, "the page cannot be loaded");

/**
 * `/readyz`: the server is starting or stopping, or its log cannot be written to.
 *
 * Remedy: Send requests to another server, and ask again.
 */
export const notReady = defineRefusal(503, "not ready");

/**
 * A bidirectional method was called over HTTP/1.1, perhaps by a proxy.
 *
 * Remedy: Use HTTP/2 to the server, or the transport `ws`.
 */
export const bidirectionalNeedsHttp2 = defineRefusal(
  505,
  "<method> is bidirectional and needs HTTP/2, or the WebSocket tunnel: HTTP/1.1 cannot carry it",
);

/**
 * The address is in use, is not of this machine, or is not permitted.
 *
 * Remedy: Stop the other program, or choose another `--host` or `--port`.
 */
export const cannotListen = defineError(
  Code.FailedPrecondition,
  "cannot listen on <host> port <port>: <reason>",
);

/**
 * `--listen` names a path that cannot be used: another server listens there, there is a file that
 * is not a socket, the folder is missing, or permission is denied.
 *
 * Remedy: Stop the other server, remove the file, or choose another path.
 */
export const cannotListenOnSocket = defineError(
  Code.FailedPrecondition,
  "cannot listen on <path>: <reason>",
);

/**
 * `listen` was given a `path` that no Unix socket can have.
 *
 * Remedy: Give an absolute path of at most 90 bytes.
 */
export const notASocketPath = defineFailure(
  "<path> is not the path of a Unix socket: it must be absolute, and have at most 90 bytes",
  TypeError,
);

/**
 * `listen` was given both `path` and `tls`.
 *
 * Remedy: Leave one of them out.
 */
export const tlsOnSocket = defineFailure(
  "a Unix socket has no TLS: give path or tls, not both",
  TypeError,
);

/**
 * `listen` got `clientRequired` without `clientCa`, or a renewed certificate has a `clientCa` and
 * the first one had none.
 *
 * Remedy: Give `tls.clientCa` to `listen`.
 */
export const clientCaMissing = defineFailure(
  "client certificates need the authorities that certify them, from the start: give tls.clientCa",
  TypeError,
);

/**
 * The file of `--tls-cert`, `--tls-key` or `--tls-client-ca` does not exist or cannot be read.
 *
 * Remedy: Correct the path, or the permissions of the file.
 */
export const certificateUnreadable = defineError(Code.FailedPrecondition, "<file> <fault>");

/**
 * `--tls-cert` or `--tls-client-ca` is another file, perhaps the key, or in DER.
 *
 * Remedy: Give `--tls-cert` the server's certificate in PEM, followed by those that lead to a root,
 * and `--tls-client-ca` those of the authorities alone.
 */
export const notACertificate = defineError(
  Code.FailedPrecondition,
  "<file> does not begin with a certificate in PEM",
);

/**
 * `--tls-key` is another file, or the key is encrypted.
 *
 * Remedy: Give the key in PEM, without a passphrase.
 */
export const notAPrivateKey = defineError(
  Code.FailedPrecondition,
  "<file> has no private key in PEM, or one with a passphrase",
);

/**
 * The two files do not belong together, or the certificates are in the wrong order.
 *
 * Remedy: Give the key of the certificate, and put the server's certificate first.
 */
export const keyMismatch = defineError(
  Code.FailedPrecondition,
  "<keyFile> does not have the key of the first certificate in <certFile>",
);

/**
 * OpenSSL refuses the certificate, for example because its key is too short.
 *
 * Remedy: Do what the reason says.
 */
export const unusableCertificate = defineError(
  Code.FailedPrecondition,
  "<file> cannot be used: <reason>",
);

/**
 * A request in gRPC-Web's text form has other characters, or an incomplete group of four.
 *
 * Remedy: Encode each part of the body in base64 with padding, or use application/grpc-web.
 */
export const notBase64 = defineError(
  Code.InvalidArgument,
  "the body is not base64, as application/grpc-web-text needs it",
);

/**
 * A program renews the certificate of a server that was started without one.
 *
 * Remedy: Start the server with `tls`.
 */
export const noTlsToRenew = defineFailure(
  "this server has no TLS, and needs no certificate",
  TypeError,
);
