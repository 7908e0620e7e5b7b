import { type Command, Option } from "commander";
import { isRoomName, isRoomPattern } from "../../protocol/rooms.js";
import { unixPathOf, unixUrlOf } from "../../protocol/unix-url.js";
import type { TransportName } from "../chatter-client.js";
import { credentialsInUrl, malformedToken, notAPattern, notARoom, wrongUrl } from "./errors.js";

/** The options of every command that calls a server. */
export interface ServerOptions {
  /** Without a slash at the end. */
  readonly url: string;
  readonly protocol: TransportName;
  /** The files of a client certificate and its key, PEM. */
  readonly clientCert?: string;
  readonly clientKey?: string;
}

/** The options of every command that needs a token. */
export interface CallOptions extends ServerOptions {
  /** Undefined or empty: the one that `chatter login --save` stored. */
  readonly token?: string;
}

const protocols: readonly TransportName[] = ["connect", "grpc", "grpc-web", "ws"];

/** Adds --url, --protocol and the client certificate. */
export function addServerOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--url <url>", "the server")
        .env("CHATTER_URL")
        .default("http://localhost:8080")
        .argParser(parseUrl),
    )
    .addOption(
      new Option("--protocol <name>", "how to speak to it: over HTTP/2, or through WebSockets (ws)")
        .env("CHATTER_PROTOCOL")
        .default("connect")
        .choices(protocols),
    )
    .addOption(
      new Option(
        "--client-cert <file>",
        "certificate to show to a server that asks for one, PEM",
      ).env("CHATTER_CLIENT_CERT"),
    )
    .addOption(
      new Option("--client-key <file>", "private key of --client-cert, PEM").env(
        "CHATTER_CLIENT_KEY",
      ),
    );
}

/** Adds --url, --protocol and --token. */
export function addCallOptions(command: Command): Command {
  return addServerOptions(command).addOption(
    new Option(
      "--token <token>",
      "the token; process lists show it, the variable does not (default: a login with CHATTER_USER and CHATTER_PASSWORD, or the one kept by chatter login --save)",
    )
      .env("CHATTER_TOKEN")
      .argParser(parseToken),
  );
}

/** --room, for commands that post, and for those that work in one room. */
export function createRoomOption(): Option {
  return new Option("--room <room>", "the room (default: main)").argParser(parseRoom);
}

/** --room, for commands that read: names and patterns, as a list. */
export function createRoomsOption(): Option {
  return new Option(
    "--room <room>",
    'a room to read, or a pattern: "team/*" for those below team, "*" for all; can be repeated (default: main)',
  ).argParser((text: string, before: readonly string[] = []) => [...before, parseRooms(text)]);
}

/** --after, for commands that read. */
export function createAfterOption(): Option {
  return new Option("--after <cursor>", "start after this cursor of an earlier answer");
}

/** --no-resume, for commands that follow the log. */
export function createNoResumeOption(): Option {
  return new Option("--no-resume", "end when the connection does, with exit status 1");
}

function parseRoom(text: string): string {
  if (!isRoomName(text)) {
    throw notARoom();
  }
  return text;
}

function parseRooms(text: string): string {
  if (text.includes("*") && !isRoomPattern(text)) {
    throw notAPattern();
  }
  return text.includes("*") ? text : parseRoom(text);
}

function parseUrl(text: string): string {
  const path = unixPathOf(text);
  if (path !== undefined) {
    return unixUrlOf(path);
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search + url.hash !== "") {
    throw wrongUrl();
  }
  if (url.username + url.password !== "") {
    throw credentialsInUrl();
  }
  return url.href.replace(/\/$/, "");
}

function parseToken(text: string): string {
  const token = text.trim();
  if (!/^[\x21-\x7e]*$/.test(token)) {
    throw malformedToken();
  }
  return token;
}
