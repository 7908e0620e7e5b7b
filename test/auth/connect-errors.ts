import { Code, ConnectError } from "@connectrpc/connect";
import { expect } from "vitest";

/**
 * The error that a call is refused with; fails the test if it is not refused, or with another kind
 * of error.
 */
export async function refusal(call: () => unknown): Promise<ConnectError> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(ConnectError);
    return error as ConnectError;
  }
  throw new Error("the call was not refused");
}

/** The refusal's code and text on one line, as the command line shows it. */
export async function refusalText(call: () => unknown): Promise<string> {
  const { code, rawMessage } = await refusal(call);
  return `${Code[code]}: ${rawMessage}`;
}
