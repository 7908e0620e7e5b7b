// Holds the schema against the last release, or against the commit before when there is
// none, and fails if a client made from that one would break.
import { execFileSync, spawnSync } from "node:child_process";

const git = (...args) => {
  try {
    return execFileSync("git", args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "";
  }
};

const tag = git("describe", "--tags", "--abbrev=0", "--match", "v*");
const against = tag ? `.git#tag=${tag}` : `.git#ref=${git("rev-parse", "HEAD~1")}`;
if (against === ".git#ref=") {
  console.log(
    "there is nothing to hold the schema against: neither a release nor an earlier commit",
  );
} else {
  const { status } = spawnSync("buf", ["breaking", "--against", against], { stdio: "inherit" });
  process.exitCode = status ?? 1;
}
