import { openFileLog } from "../../src/server/log/file/file-log.js";
import { tempDir } from "../support/temp-dir.js";
import { describeContract } from "./contract.js";

describeContract("the log on files", (options) => openFileLog({ dir: tempDir(), ...options }));

describeContract("the log on small files", (options) =>
  openFileLog({ dir: tempDir(), segmentBytes: 8192, ...options }),
);
