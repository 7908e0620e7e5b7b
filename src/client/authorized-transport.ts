import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { ChatterService } from "../gen/chatter_pb.js";
import { LinkedAbort } from "./abort.js";
import type { TokenSource } from "./token-source.js";

const login: DescMethod = ChatterService.method.login;

/**
 * The transport with a token on every call that has no authorization of its own. Login
 * needs none. A token that is refused is renewed for the next call, not for this one.
 *
 * @param closing ends every call, with its reason
 */
export function createAuthorizedTransport(
  transport: Transport,
  tokens: TokenSource,
  closing: AbortSignal,
): Transport {
  return {
    async unary(method, signal, timeoutMs, init, input, contextValues) {
      const header = new Headers(init);
      const call = new LinkedAbort(closing, signal);
      let token: string | undefined;
      try {
        token = await authorize(header, method !== login, call.signal);
        return await transport.unary(method, call.signal, timeoutMs, header, input, contextValues);
      } catch (error) {
        throw noted(error, token);
      } finally {
        call.abort();
      }
    },
    async stream(method, signal, timeoutMs, init, input, contextValues) {
      const header = new Headers(init);
      const call = new LinkedAbort(closing, signal);
      let token: string | undefined;
      try {
        token = await authorize(header, true, call.signal);
        const { signal } = call;
        const stream = transport.stream(method, signal, timeoutMs, header, input, contextValues);
        const response = await stream;
        return { ...response, message: watch(response.message, token, call) };
      } catch (error) {
        call.abort();
        throw noted(error, token);
      }
    },
  };

  async function authorize(
    header: Headers,
    needsToken: boolean,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (!needsToken || header.has("authorization")) {
      return undefined;
    }
    const token = await tokens.get(signal);
    header.set("authorization", `Bearer ${token}`);
    return token;
  }

  async function* watch<T>(
    messages: AsyncIterable<T>,
    token: string | undefined,
    call: LinkedAbort,
  ) {
    try {
      yield* messages;
    } catch (error) {
      throw noted(error, token);
    } finally {
      call.abort();
    }
  }

  function noted(error: unknown, token: string | undefined): unknown {
    const isRefused = error instanceof ConnectError && error.code === Code.Unauthenticated;
    if (isRefused && token !== undefined) {
      tokens.refuse(token);
    }
    return error;
  }
}
