import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalClientRequest, UniversalClientResponse } from "@connectrpc/connect/protocol";
import { elapsedMs, now } from "../../async/elapsed-time.js";
import { maxTimerMs } from "../../async/max-timer.js";
import { closeCodes } from "../../protocol/close-codes.js";
import { TunnelFault } from "../../protocol/errors.js";
import {
  aheadOfCredit,
  formatClientOpening,
  formatCredit,
  parseServerControl,
  type ServerControl,
  tunnelProtocol,
} from "../../protocol/tunnel.js";
import { asSilence, isSilence } from "../silence.js";
import {
  bodyBeyondCredit,
  errorFromClose,
  errorFromRefusal,
  orderOfMessages,
  responseUnwanted,
  type SocketErrorEvent,
  serverBrokeOrder,
  tunnelNotSpoken,
  tunnelSilent,
} from "./errors.js";
import { Upload } from "./request-body.js";
import { ResponseBody } from "./response-body.js";
import type { WebSocketLike } from "./socket.js";

/** How much of a response may be in flight or unread: enough to fill one round trip. */
const windowBytes = 1024 * 1024;

/** Credit is sent in steps, so that it costs little. */
const creditStep = windowBytes / 8;

/** One call of the tunnel on a socket of its own. */
export class WebSocketCall {
  /** Resolves with the response's status and headers; rejects with a ConnectError. */
  readonly response: Promise<UniversalClientResponse>;

  readonly #socket: WebSocketLike;
  readonly #url: URL;
  readonly #request: UniversalClientRequest;
  readonly #silenceMs: number;
  readonly #body: ResponseBody;
  readonly #trailer = new Headers();
  #header: Headers | undefined;
  readonly #upload: Upload;
  readonly #onAbort = () => this.#abort();
  #resolve: (response: UniversalClientResponse) => void = () => {};
  #reject: (error: ConnectError) => void = () => {};
  #state: "opening" | "open" | "answered" | "over" = "opening";
  #errorEvent: SocketErrorEvent | undefined;
  #received = 0;
  #granted = 0;
  #readSinceGrant = 0;
  #lastSign = now();
  #silence: ReturnType<typeof setTimeout> | undefined;

  /** The server is considered lost if `silenceMs` pass without a message. */
  constructor(socket: WebSocketLike, url: URL, request: UniversalClientRequest, silenceMs: number) {
    this.#socket = socket;
    this.#url = url;
    this.#request = request;
    this.#silenceMs = silenceMs;
    this.#body = new ResponseBody(
      (bytes) => this.#read(bytes),
      () => this.#leave(),
    );
    this.#upload = new Upload(socket, request.body);
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => this.#open());
    socket.addEventListener("message", (event) => this.#receive(event.data));
    socket.addEventListener("error", (event) => {
      this.#errorEvent = event;
    });
    socket.addEventListener("close", (event) => this.#close(event.code, event.reason));
    request.signal?.addEventListener("abort", this.#onAbort);
    this.#watch(silenceMs);
  }

  /** Ends the call with an error; the server is notified that it was cancelled. */
  fail(error: ConnectError, closeCode: number = closeCodes.canceled): void {
    if (this.#state !== "over") {
      this.#finish();
      this.#request.signal?.removeEventListener("abort", this.#onAbort);
      this.#reject(error);
      this.#body.fail(error);
      this.#socket.close(closeCode);
      if (isSilence(error)) {
        this.#socket.terminate?.(); // The close would wait for an answer.
      }
    }
  }

  #open(): void {
    if (this.#state !== "opening") {
      return;
    }
    if (this.#socket.protocol !== tunnelProtocol) {
      this.fail(tunnelNotSpoken({ protocol: tunnelProtocol }));
      return;
    }
    this.#state = "open";
    this.#lastSign = now();
    this.#granted = windowBytes - aheadOfCredit;
    this.#socket.send(formatClientOpening(this.#request.header, this.#granted));
    this.#upload.run().catch((error) => this.fail(ConnectError.from(error)));
  }

  #receive(data: string | ArrayBuffer): void {
    this.#lastSign = now();
    if (this.#state === "over") {
      return;
    }
    try {
      if (typeof data === "string") {
        this.#takeControl(parseServerControl(data));
      } else if (data.byteLength > 0) {
        this.#takeBody(new Uint8Array(data));
      }
    } catch (error) {
      if (!(error instanceof TunnelFault)) {
        throw error;
      }
      this.fail(serverBrokeOrder({ fault: error.message }), closeCodes.connect + Code.Internal);
    }
  }

  #takeControl(control: ServerControl): void {
    if (control.kind === "credit") {
      this.#upload.give(control.bytes);
      return;
    }
    const isDue = control.kind === "opening" ? this.#state === "open" : this.#state === "answered";
    if (!isDue) {
      throw orderOfMessages();
    }
    if (control.kind === "opening") {
      this.#state = "answered";
      this.#header = control.headers;
      this.#resolve({
        status: control.status,
        header: control.headers,
        body: this.#body,
        trailer: this.#trailer,
      });
      return;
    }
    this.#finish();
    control.trailers.forEach((value, name) => {
      this.#trailer.append(name, value);
    });
    this.#body.end();
    this.#socket.close(closeCodes.done);
  }

  #takeBody(chunk: Uint8Array): void {
    this.#received += chunk.length;
    if (this.#state !== "answered" || this.#received > this.#granted + aheadOfCredit) {
      throw bodyBeyondCredit();
    }
    this.#body.push(chunk);
  }

  #read(bytes: number): void {
    this.#readSinceGrant += bytes;
    if (this.#readSinceGrant >= creditStep && this.#state !== "over") {
      this.#granted += this.#readSinceGrant;
      this.#socket.send(formatCredit(this.#readSinceGrant));
      this.#readSinceGrant = 0;
    }
  }

  #close(code: number, reason: string): void {
    if (this.#state === "opening") {
      this.fail(errorFromRefusal(this.#url, this.#errorEvent));
    } else {
      this.fail(errorFromClose(code, reason, this.#header));
    }
  }

  // The reader is at the end of the body, or wants no more of it.
  #leave(): void {
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    this.fail(responseUnwanted());
  }

  #abort(): void {
    const error = ConnectError.from(this.#request.signal?.reason, Code.Canceled);
    this.#body.abort(error);
    this.fail(error);
  }

  #watch(ms: number): void {
    this.#silence = setTimeout(
      () => {
        const left = this.#silenceMs - elapsedMs(this.#lastSign);
        if (left > 0) {
          this.#watch(left);
          return;
        }
        this.fail(asSilence(tunnelSilent({ seconds: Math.round(this.#silenceMs / 1000) })));
      },
      Math.min(ms, maxTimerMs),
    );
  }

  #finish(): void {
    this.#state = "over";
    clearTimeout(this.#silence);
    this.#upload.stop();
  }
}
