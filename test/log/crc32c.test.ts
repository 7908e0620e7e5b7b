import { expect, test } from "vitest";
import { crc32c } from "../../src/server/encoding/crc32c.js";

// From RFC 3720, appendix B.4, and the check value of the CRC catalogue.
test.each([
  ["123456789", Buffer.from("123456789"), 0xe3069283],
  ["32 zero bytes", Buffer.alloc(32), 0x8a9136aa],
  ["32 bytes of ones", Buffer.alloc(32, 0xff), 0x62a8ab43],
  ["0 to 31", Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
  ["31 to 0", Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
  ["nothing", Buffer.alloc(0), 0],
])("CRC-32C of %s", (_, bytes, sum) => {
  expect(crc32c(bytes)).toBe(sum);
  expect(crc32c(Buffer.concat([Buffer.from("abc"), bytes]), 3)).toBe(sum);
});
