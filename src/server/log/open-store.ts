import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { ConnectError } from "@connectrpc/connect";
import type { LogPlace } from "./group-commit.js";
import { HeadWitness, readWitness, type Testimony } from "./head-witness.js";
import { LevelStore } from "./level-store.js";
import { dataLossError, openError } from "./log-errors.js";
import { type LogFolder, syncFolder } from "./log-folder.js";
import { formatVersion, type Meta } from "./record.js";

/** A store that was opened, and where the log in it stands. */
export interface OpenedStore {
  readonly store: LevelStore;
  readonly identity: string;
  /** Sequence of the oldest message that is kept. */
  readonly first: number;
  readonly place: LogPlace;
  /** What is missing between the last intact record and the head; undefined: nothing. */
  readonly loss: Error | undefined;
}

/** How a store is opened otherwise than by a server. */
export interface OpenOptions {
  /** An import goes on, or makes a log like this one. Default: an unfinished one is refused. */
  readonly importOf?: Omit<Meta, "version">;
  /** For how long the data of its tables is looked at before. Default: a moment. */
  readonly checkMs?: number;
}

/**
 * Opens the store of a log and finds where the log stands; makes both if there was none.
 *
 * The head is the furthest that anything speaks of: the last record, the witness, and the
 * metadata, which alone is left of a log that retention has emptied. So no sequence is ever
 * used twice; what is missing before the head is found by whoever reads it.
 *
 * Rejects with `failed_precondition` if this is no log, or one that cannot be used.
 */
export async function openStore(
  folder: LogFolder,
  { importOf, checkMs }: OpenOptions = {},
): Promise<OpenedStore> {
  if (importOf === undefined && existsSync(folder.importMark)) {
    throw openError(
      `the import of a log into ${folder.dir} was not finished: run chatter log import again`,
    );
  }
  const testimony = readWitness(folder.witness);
  const store = await LevelStore.open(folder.store, (testimony?.head ?? 0) === 0, checkMs);
  try {
    const { identity, first } =
      (await metaOf(store, folder, testimony)) ??
      (await makeLog(store, folder, importOf ?? newLog(testimony)));
    const { record, claimed } = await store.tail();
    const intact = Math.max(record?.last ?? 0, first - 1);
    const head = Math.max(intact, claimed, testimony?.head ?? 0);
    const loss = intact < head ? dataLossError(intact + 1, head) : undefined;
    const place = { head, sentAt: record?.sentAt ?? 0, totalBytes: record?.totalBytes ?? 0 };
    return { store, identity, first, place, loss };
  } catch (error) {
    await store.close();
    throw error instanceof ConnectError
      ? error
      : openError(`cannot open the log in ${folder.dir}: ${(error as Error).message}`, error);
  }
}

/** The metadata of the log that is there; undefined if there is none yet. */
async function metaOf(
  store: LevelStore,
  folder: LogFolder,
  testimony: Testimony | undefined,
): Promise<Meta | undefined> {
  const meta = await store.readMeta();
  if (meta === undefined) {
    if ((testimony?.head ?? 0) === 0 && (await store.isEmpty())) {
      return undefined;
    }
    throw openError(
      `${folder.store} is damaged or was made by another program: it has no metadata of a log`,
    );
  }
  if (meta.version > formatVersion) {
    throw openError(
      `${folder.store} was written by a newer version of this program (form ${meta.version}, ` +
        `this one knows ${formatVersion}): use that version`,
    );
  }
  if (testimony === undefined) {
    throw openError(
      `${folder.witness} is missing: without it nobody can say whether the log is whole`,
    );
  }
  if (testimony.identity !== meta.identity) {
    throw openError(`${folder.witness} belongs to another log than ${folder.store}`);
  }
  return meta;
}

/** A log that has nothing yet; its witness may be there already. */
function newLog(testimony: Testimony | undefined): Omit<Meta, "version"> {
  return { identity: testimony?.identity ?? randomBytes(6).toString("base64url"), first: 1 };
}

/** Makes a log in an empty store: first the witness, as a log without one does not open. */
async function makeLog(
  store: LevelStore,
  folder: LogFolder,
  log: Omit<Meta, "version">,
): Promise<Omit<Meta, "version">> {
  new HeadWitness(folder.witness, { identity: log.identity, head: 0 }).close();
  await syncFolder(folder.dir);
  await store.writeMeta(log);
  return log;
}
