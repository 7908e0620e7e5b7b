import { opcode } from "../../support/websocket-raw.js";
import type { DialectName } from "./dialects.js";
import {
  begin,
  binary,
  type Content,
  close,
  type Frame,
  fragments,
  frame,
  goOn,
  message,
  more,
  ping,
  pong,
  text,
} from "./frames.js";

/** A case of Autobahn's suite, in its numbers. */
export interface Case {
  readonly id: string;
  /** What is sent: all of it, or in parts, each when what came of the last one is there. */
  readonly sends: readonly Frame[] | readonly (readonly Frame[])[];
  /**
   * The code of the server's close. Undefined: every ping and message is answered, and the socket
   * stays open.
   */
  readonly closes?: number | Readonly<Record<DialectName, number | undefined>>;
  /** How many bytes, or "frame" by frame, are written at once. Default: all of them. */
  readonly chop?: number | "frame";
}

const octetWise = { chop: 1 };
const frameWise = { chop: "frame" } as const;
const protocolError = { closes: 1002 };

/** An empty message is none of goa's JSON, and none of the tunnel's controls. */
const emptyText = { closes: { goa: 4003, tunnel: 1003 } };
/** In the tunnel, an empty binary message has no meaning. */
const emptyBinary = { closes: { goa: 4003, tunnel: undefined } };

const hello = "Hello, world!";
const ownPayload = "ping payload";

/** Frames 1 to 3 of many a case: something allowed, something that is not, and a ping after it. */
const thenPing = (wrong: Frame) => [message(hello), wrong, ping()];

function framing(section: string, make: (content: Content) => Frame, empty: Partial<Case>): Case[] {
  const sizes = [125, 126, 127, 128, 65_535, 65_536];
  return [
    { id: `${section}.1`, sends: [make("")], ...empty },
    ...sizes.map((size, i) => ({ id: `${section}.${i + 2}`, sends: [make(size)] })),
    { id: `${section}.8`, sends: [make(65_536)], chop: 997 },
  ];
}

const tenPings = Array.from({ length: 10 }, (_, i) => ping(`payload-${i}`));
const notUtf8 = Buffer.from("00fffefdfcfb00ff", "hex");
const many = Buffer.alloc(126, 0xfe);

const interrupted = [begin("fragment1"), ping(ownPayload), more("fragment2")];
const inTwo = [begin("fragment1"), more("fragment2")];
const inFive: readonly (readonly Frame[])[] = [
  [begin("fragment1"), goOn("fragment2"), ping("pongme 1!")],
  [goOn("fragment3"), goOn("fragment4"), ping("pongme 2!"), more("fragment5")],
];
const continued = [more("non-continuation payload"), message(hello)];
const continuing = [goOn("non-continuation payload"), message(hello)];
const twice = <T>(frames: readonly T[]) => [...frames, ...frames];

const badReason = Buffer.from("cebae1bdb9cf83cebcceb5eda080656469746564", "hex");
const validCodes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
const invalidCodes = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];

/** What must not be stored: it is sent after a close. */
export const afterClose = "sent after the close";

export const cases: Readonly<Record<string, readonly Case[]>> = {
  "1 framing": [...framing("1.1", text, emptyText), ...framing("1.2", binary, emptyBinary)],

  "2 pings and pongs": [
    { id: "2.1", sends: [ping()] },
    { id: "2.2", sends: [ping(hello)] },
    { id: "2.3", sends: [ping(notUtf8)] },
    { id: "2.4", sends: [ping(many.subarray(1))] },
    { id: "2.5", sends: [ping(many)], ...protocolError },
    { id: "2.6", sends: [ping(many.subarray(1))], ...octetWise },
    { id: "2.7", sends: [pong()] },
    { id: "2.8", sends: [pong("unsolicited pong payload")] },
    { id: "2.9", sends: [pong("unsolicited pong payload"), ping(ownPayload)] },
    { id: "2.10", sends: tenPings },
    { id: "2.11", sends: tenPings, ...octetWise },
  ],

  "3 reserved bits": [
    { id: "3.1", sends: [message(hello, { reserved: 1 })], ...protocolError },
    { id: "3.2", sends: thenPing(message(hello, { reserved: 2 })), ...protocolError },
    { id: "3.3", sends: thenPing(message(hello, { reserved: 3 })), ...frameWise, ...protocolError },
    { id: "3.4", sends: thenPing(message(hello, { reserved: 4 })), ...octetWise, ...protocolError },
    { id: "3.5", sends: [binary(notUtf8, { reserved: 5 })], ...protocolError },
    // The suite says ping, and sends a binary message, which is 3.5 again.
    { id: "3.6", sends: [ping(hello, { reserved: 6 })], ...protocolError },
    { id: "3.7", sends: [frame(opcode.close, "", { reserved: 7 })], ...protocolError },
  ],

  "4 opcodes": [
    { id: "4.1.1", sends: [frame(3)], ...protocolError },
    { id: "4.1.2", sends: [frame(4, "reserved opcode payload")], ...protocolError },
    { id: "4.1.3", sends: thenPing(frame(5)), ...protocolError },
    { id: "4.1.4", sends: thenPing(frame(6, hello)), ...protocolError },
    { id: "4.1.5", sends: thenPing(frame(7, hello)), ...octetWise, ...protocolError },
    { id: "4.2.1", sends: [frame(11)], ...protocolError },
    { id: "4.2.2", sends: [frame(12, "reserved opcode payload")], ...protocolError },
    { id: "4.2.3", sends: thenPing(frame(13)), ...protocolError },
    { id: "4.2.4", sends: thenPing(frame(14, hello)), ...protocolError },
    { id: "4.2.5", sends: thenPing(frame(15, hello)), ...octetWise, ...protocolError },
  ],

  "5 fragmentation": [
    {
      id: "5.1",
      sends: [ping("fragment1", { final: false }), more("fragment2")],
      ...protocolError,
    },
    {
      id: "5.2",
      sends: [pong("fragment1", { final: false }), more("fragment2")],
      ...protocolError,
    },
    { id: "5.3", sends: inTwo },
    { id: "5.4", sends: inTwo, ...frameWise },
    { id: "5.5", sends: inTwo, ...octetWise },
    { id: "5.6", sends: interrupted },
    { id: "5.7", sends: interrupted, ...frameWise },
    { id: "5.8", sends: interrupted, ...octetWise },
    { id: "5.9", sends: continued, ...protocolError },
    { id: "5.10", sends: continued, ...frameWise, ...protocolError },
    { id: "5.11", sends: continued, ...octetWise, ...protocolError },
    { id: "5.12", sends: continuing, ...protocolError },
    { id: "5.13", sends: continuing, ...frameWise, ...protocolError },
    { id: "5.14", sends: continuing, ...octetWise, ...protocolError },
    { id: "5.15", sends: [...inTwo, goOn("fragment3"), message("fragment4")], ...protocolError },
    {
      id: "5.16",
      sends: twice([goOn("fragment1"), begin("fragment2"), more("fragment3")]),
      ...protocolError,
    },
    {
      id: "5.17",
      sends: twice([more("fragment1"), begin("fragment2"), more("fragment3")]),
      ...protocolError,
    },
    { id: "5.18", sends: [begin("fragment1"), message("fragment2")], ...protocolError },
    { id: "5.19", sends: inFive },
    { id: "5.20", sends: inFive, ...frameWise },
  ],

  "7 closing": [
    { id: "7.1.1", sends: [message(hello)] },
    { id: "7.1.2", sends: [close(1000), close()], closes: 1000 },
    { id: "7.1.3", sends: [close(1000), ping()], closes: 1000 },
    { id: "7.1.4", sends: [close(1000), message(afterClose)], closes: 1000 },
    { id: "7.1.5", sends: [begin(afterClose), close(1000), more(afterClose)], closes: 1000 },
    { id: "7.1.6", sends: [message(65_536), message(hello), close(1000), ping()], closes: 1000 },
    // A close without a code is answered by one.
    { id: "7.3.1", sends: [close()], closes: 1005 },
    { id: "7.3.2", sends: [frame(opcode.close, "a")], ...protocolError },
    { id: "7.3.3", sends: [close(1000)], closes: 1000 },
    { id: "7.3.4", sends: [close(1000, "Hello World!")], closes: 1000 },
    { id: "7.3.5", sends: [close(1000, "*".repeat(123))], closes: 1000 },
    { id: "7.3.6", sends: [close(1000, "*".repeat(124))], ...protocolError },
    { id: "7.5.1", sends: [close(1000, badReason)], closes: 1007 },
    ...validCodes.map((code, i) => ({ id: `7.7.${i + 1}`, sends: [close(code)], closes: code })),
    ...invalidCodes.map((code, i) => ({ id: `7.9.${i + 1}`, sends: [close(code)], closes: 1002 })),
    { id: "7.13.1", sends: [close(5000)], closes: 1002 },
    { id: "7.13.2", sends: [close(65_535)], closes: 1002 },
  ],

  "10 automatic fragmentation": [
    { id: "10.1.1 text", sends: fragments(opcode.text, 65_536, 1_300) },
    { id: "10.1.1 binary", sends: fragments(opcode.binary, 65_536, 1_300) },
  ],
};
