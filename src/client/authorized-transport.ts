import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { ChatterService } from "../gen/chatter_pb.js";
import type { TokenSource } from "./token-source.js";

const login: DescMethod = ChatterService.method.login;

/**
 * The transport with a token on every call that has no authorization of its own. Login
 * needs none. A token that is refused is renewed for the next call, not for this one.
 */
export function createAuthorizedTransport(transport: Transport, tokens: TokenSource): Transport {
  return {
    async unary(method, signal, timeoutMs, init, input, contextValues) {
      const header = new Headers(init);
      const token = await authorize(header, method !== login, signal);
      try {
        return await transport.unary(method, signal, timeoutMs, header, input, contextValues);
      } catch (error) {
        throw noted(error, token);
      }
    },
    async stream(method, signal, timeoutMs, init, input, contextValues) {
      const header = new Headers(init);
      const token = await authorize(header, true, signal);
      try {
        const stream = transport.stream(method, signal, timeoutMs, header, input, contextValues);
        const response = await stream;
        return { ...response, message: watch(response.message, token) };
      } catch (error) {
        throw noted(error, token);
      }
    },
  };

  async function authorize(
    header: Headers,
    needsToken: boolean,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    if (!needsToken || header.has("authorization")) {
      return undefined;
    }
    const token = await tokens.get(signal ?? new AbortController().signal);
    header.set("authorization", `Bearer ${token}`);
    return token;
  }

  async function* watch<T>(messages: AsyncIterable<T>, token: string | undefined) {
    try {
      yield* messages;
    } catch (error) {
      throw noted(error, token);
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
