import { openLevelLog } from "../../src/server/log/level-log.js";
import { tempDir } from "../support/temp-dir.js";
import { describeContract } from "./contract.js";

describeContract("the log on LevelDB", (options) => openLevelLog({ dir: tempDir(), ...options }));
