import { execFileSync } from "node:child_process";

/** Whether the machine has strace. */
export function hasStrace(): boolean {
  try {
    execFileSync("strace", ["-V"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
