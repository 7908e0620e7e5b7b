import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { systemReason } from "../../../errors/system-reason.js";
import { draftEnding, replaceFile, syncDirectory } from "../file/disk-file.js";
import { FolderLock } from "../file/folder-lock.js";
import { furthestMark, type HeadMark, replaceHeadFile } from "../file/head-file.js";
import { formVersion } from "../file/segments/segment-header.js";
import { logFolder } from "../log-folder.js";
import { noLog } from "../transfer/errors.js";
import {
  cannotRead,
  diskFull,
  earlierUpgrade,
  markDamaged,
  mixedForms,
  newerHead,
  nothingStored,
  upgradeInUse,
} from "./errors.js";
import { isLevelFolderOpen } from "./lock-check.js";
import { OldLog } from "./old-log.js";
import { type CopiedOldLog, type CountMessages, checkCopy, copyOldLog } from "./old-log-copy.js";
import { oldFormat } from "./old-records.js";

/*
 * The steps, each durable before the next one:
 *
 *   1. messages.upgrade, the mark, says "copying": no server opens the folder from now on
 *   2. messages.new/ is written and compared with messages/, which stays as it is
 *   3. the mark says "moving": the copy is whole
 *   4. messages.head says the new form: no older program opens the folder from now on. What it
 *      said before is kept in messages.leveldb.head
 *   5. messages/ becomes messages.leveldb/
 *   6. messages.new/ becomes messages/
 *   7. the mark goes
 *
 * If it is interrupted, it is run again and continues from what it finds: up to step 4 it begins
 * anew.
 */

/** Maximum number of lines of damage that are reported. */
const maxDamage = 100;

/** The result of an upgrade. */
export interface UpgradeReport extends CopiedOldLog {
  /** What is damaged in the old files, one line each. */
  readonly damage: readonly string[];
}

/** The contents of the mark. */
type UpgradeMark =
  | { readonly stage: "copying" }
  | { readonly stage: "moving"; readonly report: UpgradeReport };

/** The progress that an upgrade reports. */
export interface UpgradeObserver {
  /** This many more messages were copied. */
  readonly copied: CountMessages;
  /** This many more were read again and are identical. */
  readonly checked: CountMessages;
}

/** The paths that an upgrade uses in the folder of a log. */
export function upgradePaths(dir: string) {
  const { store, head, upgradeMark } = logFolder(dir);
  return {
    messages: store,
    head,
    mark: upgradeMark,
    copy: join(dir, "messages.new"),
    old: join(dir, "messages.leveldb"),
    oldHead: join(dir, "messages.leveldb.head"),
  };
}

/**
 * Upgrades the log of a folder from the format of older versions. Resolves with undefined if it has
 * the new format already.
 *
 * Rejects with `failed_precondition` if there is no log, if another process has it open, or if it
 * cannot be upgraded: then it is unchanged.
 */
export async function upgradeLog(
  dir: string,
  observer: UpgradeObserver,
): Promise<UpgradeReport | undefined> {
  if (!(await hasWork(dir))) {
    return undefined;
  }
  const lock = await FolderLock.take(dir);
  try {
    // Another process may have upgraded it meanwhile.
    return (await hasWork(dir)) ? await upgradeAlone(dir, observer) : undefined;
  } finally {
    lock.release();
  }
}

async function hasWork(dir: string): Promise<boolean> {
  return existsSync(upgradePaths(dir).mark) || (await isOldLog(dir));
}

async function upgradeAlone(dir: string, observer: UpgradeObserver): Promise<UpgradeReport> {
  const paths = upgradePaths(dir);
  const mark = await readMark(paths.mark);
  if (isLevelFolderOpen(paths.messages)) {
    throw upgradeInUse({ dir });
  }
  await removeDrafts(dir);
  // Before the head file has the new format, an older program may have continued with the old log.
  if (mark?.stage === "moving" && (await readOldHead(paths.head))?.form === formVersion) {
    return await move(dir, mark.report);
  }
  const report = await copy(dir, observer);
  await writeMark(paths.mark, { stage: "moving", report });
  return await move(dir, report);
}

/** Whether there is a log of the old format. Rejects if there is none at all, or half of one. */
async function isOldLog(dir: string): Promise<boolean> {
  const { messages, head, old } = upgradePaths(dir);
  const mark = await readOldHead(head);
  if (mark !== undefined && mark.form > formVersion) {
    throw newerHead({ path: head });
  }
  const names = existsSync(messages) ? await readdir(messages) : [];
  const isLevel = names.some((name) => /^CURRENT$|^MANIFEST-|\.ldb$/.test(name));
  if (!isLevel && names.some((name) => name.endsWith(".seg"))) {
    return false;
  }
  if (!isLevel) {
    throw noLog({ dir });
  }
  if (mark !== undefined && mark.form !== oldFormat) {
    throw mixedForms({ head, messages });
  }
  if (existsSync(old)) {
    throw earlierUpgrade({ path: old });
  }
  return true;
}

async function copy(dir: string, observer: UpgradeObserver): Promise<UpgradeReport> {
  const paths = upgradePaths(dir);
  const head = await readOldHead(paths.head);
  const old = await OldLog.open(paths.messages, head);
  if (old === undefined) {
    throw nothingStored({ dir, messages: paths.messages, head: paths.head });
  }
  await writeMark(paths.mark, { stage: "copying" });
  try {
    await rm(paths.copy, { recursive: true, force: true }); // from an earlier attempt
    await mkdir(paths.copy, { mode: (await stat(paths.messages)).mode & 0o777 });
    await syncDirectory(dir);
    const copied = await copyOldLog(old, paths.copy, observer.copied);
    await checkCopy(old, paths.copy, copied, observer.checked);
    if ((await readOldHead(paths.head))?.head !== head?.head) {
      throw upgradeInUse({ dir }); // in another container: its locks are not visible here
    }
    return { ...copied, damage: old.damage.slice(0, maxDamage) };
  } catch (error) {
    await rm(paths.copy, { recursive: true, force: true });
    await rm(paths.mark, { force: true });
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") {
      throw diskFull({ dir });
    }
    throw error;
  }
}

async function move(dir: string, report: UpgradeReport): Promise<UpgradeReport> {
  const { messages, head, mark, copy, old, oldHead } = upgradePaths(dir);
  if ((await readOldHead(head))?.form !== formVersion) {
    if (existsSync(head)) {
      await replaceFile(oldHead, await readFile(head));
    }
    await replaceHeadFile(head, report);
  }
  if (existsSync(copy)) {
    if (!existsSync(old)) {
      await rename(messages, old);
      await syncDirectory(dir);
    } else if (existsSync(messages)) {
      await rmdir(messages); // Empty: created by a server that was refused meanwhile.
    }
    await rename(copy, messages);
    await syncDirectory(dir);
  }
  await unlink(mark);
  await syncDirectory(dir);
  return report;
}

async function readMark(path: string): Promise<UpgradeMark | undefined> {
  const text = await readText(path);
  try {
    return text === undefined ? undefined : (JSON.parse(text) as UpgradeMark);
  } catch (cause) {
    throw markDamaged({ path, cause });
  }
}

/**
 * The contents of the head file of an old log: the log can do without it, also if it is damaged.
 */
export async function readOldHead(path: string): Promise<HeadMark | undefined> {
  return furthestMark((await readText(path)) ?? "");
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return undefined;
    }
    throw cannotRead({ path, reason: systemReason(error), cause: error });
  }
}

async function writeMark(path: string, mark: UpgradeMark): Promise<void> {
  await replaceFile(path, Buffer.from(`${JSON.stringify(mark)}\n`));
}

/** Removes what interrupted attempts to create the mark or the head file have left. */
async function removeDrafts(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (/^messages\.(upgrade|head|leveldb\.head)\./.test(name) && name.endsWith(draftEnding)) {
      await rm(join(dir, name), { force: true });
    }
  }
}
