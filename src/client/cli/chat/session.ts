import { LinkedAbort, orAborted } from "../../../async/abort.js";
import { createDeferred } from "../../../async/deferred.js";
import { harmless } from "../../../cli/text-form.js";
import type { ConnectionState, StateListener } from "../../connection-state.js";
import type { Publisher } from "../../posting/publisher.js";
import type { Call } from "../call.js";
import { createConnectionNotes } from "../connection-notes.js";
import { notPosted } from "../errors.js";
import { FirstConnection } from "../first-connection.js";
import { parseTyped } from "./commands.js";
import { type ChatMessage, OpenRoom } from "./open-room.js";
import { listRooms, maxListed } from "./room-list.js";
import type { ChatScreen } from "./screen.js";

/** Maximum number of lines that are read before they are answered. */
const maxAhead = 1024;

/**
 * One chat: shows the stored and the new messages of a room, and posts the lines of its screen
 * there. A user at the keyboard can switch to another room.
 */
export class ChatSession {
  readonly #call: Call;
  readonly #screen: ChatScreen;
  readonly #last: number;
  readonly #first: FirstConnection;
  readonly #end: LinkedAbort;
  readonly #publisher: Publisher;
  readonly #notes: StateListener;
  /** Resolves when everything is done, rejects when the open room cannot be read any more. */
  readonly #over = createDeferred<void>();
  #room: OpenRoom;
  #connection: ConnectionState["status"] = "connecting";
  #isInputOver = false;
  #unanswered = 0;
  #failed = 0;

  /**
   * @param room the name of the room to begin with
   * @param last how many stored messages are shown first
   */
  constructor(call: Call, screen: ChatScreen, room: string, last: number) {
    this.#call = call;
    this.#screen = screen;
    this.#last = last;
    this.#first = new FirstConnection(call.signal, (state) => this.#takeState(state));
    this.#end = new LinkedAbort(this.#first.signal);
    this.#publisher = call.chatter.publisher({ signal: this.#end.signal });
    this.#notes = createConnectionNotes(call, (note) => screen.note(note));
    this.#room = this.#open(room);
  }

  /**
   * Runs until the input ends and its messages are shown. Rejects with the error that ends the
   * reading for good, if there is no server at the start, and if lines were not posted.
   */
  async run(): Promise<void> {
    this.#showStatus();
    try {
      const work = Promise.all([this.#over.promise, this.#takeLines()]);
      await orAborted(work, this.#first.signal);
    } finally {
      this.#end.abort(new Error("the chat has ended"));
      this.#first.end();
      // Its error was shown when it came.
      await this.#publisher.close().catch(() => {});
      this.#screen.close();
    }
    if (this.#screen.fault !== undefined) {
      throw this.#screen.fault;
    }
    if (this.#failed > 0) {
      const what = this.#failed === 1 ? "one of the lines was" : `${this.#failed} lines were`;
      throw notPosted({ what });
    }
  }

  /** Opens a room in place of another one, and returns to that if the room cannot be read. */
  #open(name: string, before?: OpenRoom): OpenRoom {
    const room = new OpenRoom(this.#call.chatter, name, this.#end.signal);
    before?.close();
    this.#room = room;
    this.#screen.room(name);
    this.#read(room).catch((error: unknown) => {
      if (room !== this.#room) {
        return; // It was left meanwhile.
      }
      if (before === undefined || room.hasShownHistory) {
        this.#over.reject(error);
      } else {
        this.#screen.note(`cannot read ${name} (${this.#call.describe(error)})`);
        this.#open(before.name);
      }
    });
    return room;
  }

  async #read(room: OpenRoom): Promise<void> {
    const isOpen = () => room === this.#room;
    room.ready.then(() => this.#endIfDone()).catch(() => {}); // #open is notified of it
    await room.read({
      last: this.#last,
      onState: (state) => {
        if (isOpen()) {
          this.#first.onState(state);
        }
      },
      show: async ({ sender, message, at }: ChatMessage) => {
        if (isOpen()) {
          await this.#screen.message(sender, message, at);
          this.#endIfDone();
        }
      },
    });
  }

  async #takeLines(): Promise<void> {
    const ahead: Promise<void>[] = [];
    for await (const line of this.#screen.lines) {
      const text = line.trim() === "" ? undefined : await this.#textOf(line);
      if (text !== undefined) {
        if (ahead.length === maxAhead) {
          await ahead.shift();
        }
        ahead.push(this.#post(text, this.#room));
      }
    }
    if (this.#screen.isInteractive && this.#unanswered > 0 && this.#connection !== "live") {
      this.#screen.note("waiting until what was typed is stored; Ctrl+C gives up");
    }
    await Promise.all(ahead);
    this.#isInputOver = true;
    this.#endIfDone();
  }

  /** The text to post for a line; undefined if the line was a command, which has been run. */
  async #textOf(line: string): Promise<string | undefined> {
    if (!this.#screen.isInteractive) {
      return line;
    }
    const typed = parseTyped(line);
    switch (typed.kind) {
      case "post":
        return typed.text;
      case "enter":
        this.#screen.note(typed.room);
        this.#open(typed.room, this.#room);
        break;
      case "list":
        await this.#list();
        break;
      case "fault":
        this.#screen.note(harmless(typed.text));
    }
    return undefined;
  }

  async #list(): Promise<void> {
    try {
      const rooms = await listRooms(this.#call, "");
      for (const { room, messages } of rooms) {
        this.#screen.note(`${room}: ${messages} ${messages === 1n ? "message" : "messages"}`);
      }
      if (rooms.length === maxListed) {
        this.#screen.note("and more: chatter rooms lists them all");
      }
    } catch (error) {
      this.#screen.note(`cannot list the rooms (${this.#call.describe(error)})`);
    }
  }

  async #post(line: string, room: OpenRoom): Promise<void> {
    this.#unanswered++;
    this.#showStatus();
    try {
      // Otherwise the history would have it, in the place of an older line.
      await room.ready;
      const { sequence } = await this.#publisher.post(line, { room: room.name });
      room.lastPosted = sequence;
    } catch (error) {
      this.#failed++;
      const fault = this.#call.signal.aborted ? "no answer yet" : "not posted";
      this.#screen.note(`${fault} (${this.#call.describe(error)}): ${harmless(line)}`);
    } finally {
      this.#unanswered--;
      this.#showStatus();
    }
  }

  #takeState(state: ConnectionState): void {
    this.#connection = state.status;
    this.#notes(state);
    this.#showStatus();
  }

  #showStatus(): void {
    const count = this.#unanswered;
    const unanswered = count === 0 ? "" : `, ${count} not stored yet`;
    const isLive = this.#connection === "live";
    this.#screen.status(isLive ? undefined : `${this.#connection}${unanswered}`);
  }

  /** Posted messages are shown before the end; without a terminal, earlier stored ones too. */
  #endIfDone(): void {
    const { hasShownHistory, lastShown, lastPosted } = this.#room;
    const hasRead = hasShownHistory || this.#screen.isInteractive;
    if (this.#isInputOver && hasRead && lastShown >= lastPosted) {
      this.#over.resolve();
    }
  }
}
