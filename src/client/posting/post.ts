import type { CallOptions } from "@connectrpc/connect";
import { elapsedMs, type Moment, now } from "../../async/elapsed-time.js";
import type { PostResponse } from "../../gen/chatter_pb.js";
import { roomOf } from "../../protocol/rooms.js";
import { untilAnswered } from "../answered-call.js";
import type { CallSource } from "../call-source.js";
import { roomFault, textFault } from "../checks.js";
import { doubtfulPost } from "../errors.js";
import { checkResendMs, defaultResendMs, randomId } from "./message-ids.js";

export interface PostOptions {
  /** The name of the room to post to. Default: "main". */
  readonly room?: string | undefined;
  /**
   * A post without an answer is sent again until this many milliseconds after it was first
   * sent, as with {@link PublisherOptions.resendMs}. Default: 300,000.
   */
  readonly resendMs?: number | undefined;
  /** Gives up: the post rejects with the signal's reason. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** How long an answer may take before the call is considered dead, in milliseconds. */
const answerLimitMs = 30_000;

/** Posts one message by a call of its own. */
export async function post(
  source: CallSource,
  text: string,
  { room = "", resendMs = defaultResendMs, signal }: PostOptions,
): Promise<PostResponse> {
  checkResendMs(resendMs);
  const fault = textFault(text) ?? roomFault(room);
  if (fault) {
    throw fault;
  }
  const request = { message: text, messageId: randomId(), room: roomOf(room) };
  let sentAt: Moment | undefined;
  return untilAnswered(source, {
    call(options: CallOptions) {
      sentAt ??= now();
      return source.client.post(request, options);
    },
    signal,
    silenceLimitMs: answerLimitMs,
    giveUp: () =>
      sentAt && elapsedMs(sentAt) > resendMs
        ? doubtfulPost({ seconds: resendMs / 1000 })
        : undefined,
  });
}
