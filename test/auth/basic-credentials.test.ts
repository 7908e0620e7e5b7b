import { describe, expect, test } from "vitest";
import { parseBasicCredentials } from "../../src/server/auth/basic-credentials.js";
import { refusalText } from "./connect-errors.js";

const encode = (text: string | Buffer) => Buffer.from(text as string).toString("base64");

describe("credentials", () => {
  test.each([
    ["goa:rocks", "goa", "rocks"],
    ["goa:ro:ck:s", "goa", "ro:ck:s"],
    ["goa::", "goa", ":"],
    ["goa:", "goa", ""],
    [":rocks", "", "rocks"],
    ["gö a: pass wörd ", "gö a", " pass wörd "],
    ["名前:🔑", "名前", "🔑"],
    ["\ufeffgoa:\ufeffrocks", "\ufeffgoa", "\ufeffrocks"],
  ])("%j", (text, user, password) => {
    for (const scheme of ["Basic ", "basic ", "BASIC  "]) {
      expect(parseBasicCredentials(`${scheme}${encode(text)}`)).toEqual({ user, password });
    }
  });

  test("of RFC 7617's own example", () => {
    expect(parseBasicCredentials("Basic dGVzdDoxMjPCow==")).toEqual({
      user: "test",
      password: "123£",
    });
  });
});

describe("what is refused", () => {
  const right = ': send "Authorization: Basic " and the base64 of "user:password"';

  test.each([
    [null, "missing credentials"],
    ["", "missing credentials"],
    [`Bearer ${encode("goa:rocks")}`, '"Authorization" is not of the scheme Basic'],
    [encode("goa:rocks"), '"Authorization" is not of the scheme Basic'],
    [`Basic${encode("goa:rocks")}`, '"Authorization" is not of the scheme Basic'],
    ["Basic", '"Authorization" is not of the scheme Basic'],
    [
      `Basic ${encode("a:b")}, Basic ${encode("c:d")}`,
      '"Authorization" is not of the scheme Basic',
    ],
    ["Basic goa:rocks", '"Authorization" is not base64 after "Basic"'],
    ["Basic Z29hOnJvY2t", '"Authorization" is not base64 after "Basic"'],
    ["Basic Z29h-nJv_2tz", '"Authorization" is not base64 after "Basic"'],
    ["Basic =", '"Authorization" is not base64 after "Basic"'],
    ["Basic ", '"Authorization" has no colon between user and password'],
    [`Basic ${encode("goa")}`, '"Authorization" has no colon between user and password'],
    [`Basic ${encode(Buffer.from("gö:x", "latin1"))}`, '"Authorization" is not UTF-8'],
  ])("%j", async (header, fault) => {
    expect(await refusalText(() => parseBasicCredentials(header))).toBe(
      `InvalidArgument: ${fault}${right}`,
    );
  });
});
