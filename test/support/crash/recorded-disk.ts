import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Recorded } from "./system-calls.js";

/** Gives numbers from 0 up to 1. */
export type Random = () => number;

/**
 * How much of the unsynced data is there after a crash: all (the process was killed), none, or any
 * part of it (the power failed).
 */
export type Loss = "nothing" | "everything" | "some";

/** Bytes that a disk writes whole or not at all. */
const sectorBytes = 512;

type Change =
  | { readonly data: Buffer; readonly offset: number; isDurable: boolean; readonly end: number }
  | { readonly size: number; isDurable: boolean; readonly end: number };

class File {
  bytes: Buffer = Buffer.alloc(0);
  /** What came after, in its order. */
  changes: Change[] = [];

  /** Its size as the program sees it. */
  get size(): number {
    return this.changes.reduce(
      (size, change) =>
        "size" in change ? change.size : Math.max(size, change.offset + change.data.length),
      this.bytes.length,
    );
  }

  /** All changes that had returned before are on the disk. */
  sync(before: number): void {
    for (const change of this.changes) {
      change.isDurable ||= change.end <= before;
    }
    while (this.changes[0]?.isDurable) {
      this.bytes = apply(this.bytes, this.changes.shift()!, () => true);
    }
  }

  after(loss: Loss, random: Random): Buffer {
    let bytes = this.bytes;
    for (const change of this.changes) {
      const fate = loss === "some" ? random() : loss === "nothing" ? 0 : 1;
      if (change.isDurable || fate < 0.35) {
        bytes = apply(bytes, change, () => true);
      } else if (fate < 0.7) {
        bytes = apply(bytes, change, () => random() < 0.5, random() < 0.5);
      }
    }
    return bytes;
  }
}

/** Makes a change, or those sectors of it that are chosen. */
function apply(bytes: Buffer, change: Change, isKept: () => boolean, grows = false): Buffer {
  if ("size" in change) {
    const target = Buffer.alloc(change.size);
    bytes.copy(target);
    return isKept() ? target : bytes;
  }
  const { offset, data } = change;
  let end = grows ? Math.max(bytes.length, offset + data.length) : bytes.length;
  const target = Buffer.alloc(Math.max(bytes.length, offset + data.length));
  bytes.copy(target);
  for (let at = offset; at < offset + data.length; ) {
    const next = Math.min(offset + data.length, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
    if (isKept()) {
      data.copy(target, at, at - offset, next - offset);
      end = Math.max(end, next);
    }
    at = next;
  }
  return target.subarray(0, end);
}

class Folder {
  readonly names = new Map<string, File | Folder>();
  /** The names that are on the disk, and the changes that may not be, in their order. */
  durable = new Map<string, File | Folder>();
  changes: { readonly names: [string, File | Folder | undefined][]; readonly end: number }[] = [];

  change(names: [string, File | Folder | undefined][], end: number): void {
    this.changes.push({ names, end });
    set(this.names, names);
  }

  sync(before: number): void {
    while (this.changes[0] !== undefined && this.changes[0].end <= before) {
      set(this.durable, this.changes.shift()!.names);
    }
  }

  /** Most file systems keep the order of changes: the first are there. Some keep any of them. */
  after(loss: Loss, random: Random): Map<string, File | Folder> {
    const part = loss === "some" ? random() : loss === "nothing" ? 1 : 0;
    const inOrder = loss !== "some" || random() < 0.6;
    const names = new Map(this.durable);
    for (const [i, change] of this.changes.entries()) {
      if (inOrder ? i < Math.round(part * this.changes.length) : random() < part) {
        set(names, change.names);
      }
    }
    return names;
  }
}

function set<T>(target: Map<string, T>, names: readonly [string, T | undefined][]): void {
  for (const [name, value] of names) {
    if (value === undefined) {
      target.delete(name);
    } else {
      target.set(name, value);
    }
  }
}

/** A disk with one folder on it, to which the calls of a recording are done. */
export class RecordedDisk {
  readonly #root: string;
  readonly #folder: Folder;

  /** @param before the folder as it lay on the disk before the recording; default: empty */
  constructor(root: string, before?: string) {
    this.#root = root;
    this.#folder = new Folder();
    if (before !== undefined) {
      load(this.#folder, before);
    }
  }

  /**
   * Does the calls that had returned by a line of the recording, and what of those that were
   * under way may have reached the disk. To be called once.
   */
  run(calls: readonly Recorded[], line: number): void {
    for (const call of calls) {
      if (call.end <= line) {
        this.#apply(call);
      } else if (call.begin <= line && call.kind === "write") {
        this.#apply({ ...call, isDurable: false });
      }
    }
  }

  /** Puts the folder as it may be after a crash into `target`. */
  write(target: string, loss: Loss, random: Random): void {
    write(this.#folder, target, loss, random);
  }

  #apply(call: Recorded): void {
    if (call.kind === "print") {
      return;
    }
    const { path, begin, end } = call;
    if (path === this.#root) {
      this.#folder.sync(begin);
      return;
    }
    const parent = this.#find(dirname(path)) as Folder;
    const name = path.slice(dirname(path).length + 1);
    const there = parent.names.get(name);
    switch (call.kind) {
      case "create":
        if (there === undefined) {
          parent.change([[name, new File()]], end);
        }
        break;
      case "mkdir":
        parent.change([[name, new Folder()]], end);
        break;
      case "unlink":
      case "rmdir":
        parent.change([[name, undefined]], end);
        break;
      case "rename": {
        const target = this.#find(dirname(call.to)) as Folder;
        const moved: [string, File | Folder | undefined] = [
          call.to.slice(dirname(call.to).length + 1),
          there,
        ];
        if (target !== parent) {
          throw new Error("a file is moved to another folder: that is not known here");
        }
        parent.change([[name, undefined], moved], end);
        break;
      }
      case "truncate":
        (there as File).changes.push({ size: call.size, isDurable: false, end });
        break;
      case "write": {
        const file = there as File;
        const { data, isDurable } = call;
        file.changes.push({ data, offset: call.offset ?? file.size, isDurable, end });
        file.sync(-1);
        break;
      }
      case "sync":
        there?.sync(begin);
        break;
    }
  }

  #find(path: string): File | Folder {
    let found: File | Folder = this.#folder;
    for (const name of relative(this.#root, path).split("/").filter(Boolean)) {
      const next: File | Folder | undefined = (found as Folder).names.get(name);
      if (next === undefined) {
        throw new Error(`the recording says nothing of how ${path} was made`);
      }
      found = next;
    }
    return found;
  }
}

function load(folder: Folder, path: string): void {
  for (const name of readdirSync(path)) {
    const inner = join(path, name);
    const node = statSync(inner).isDirectory() ? new Folder() : new File();
    if (node instanceof Folder) {
      load(node, inner);
    } else {
      node.bytes = readFileSync(inner);
    }
    folder.names.set(name, node);
    folder.durable.set(name, node);
  }
}

function write(folder: Folder, target: string, loss: Loss, random: Random): void {
  mkdirSync(target, { recursive: true });
  for (const [name, node] of folder.after(loss, random)) {
    const path = join(target, name);
    if (node instanceof Folder) {
      write(node, path, loss, random);
    } else {
      writeFileSync(path, node.after(loss, random), { mode: 0o600 });
    }
  }
}
