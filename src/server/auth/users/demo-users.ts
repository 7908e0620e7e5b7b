import { createUsers, type Users } from "./users.js";

/**
 * The demo's one account: goa, password rocks, which may read and write.
 *
 * The hash is stored, so that a start need not compute one, and is a cheap one: the password is in
 * the documentation, so there is nothing to protect.
 */
export function demoUsers(): Users {
  return createUsers([
    {
      name: "goa",
      passwordHash:
        "$scrypt$ln=10,r=8,p=1$kAtKrxXc/kPoOAah6+WSCw$x50cmmkqlQvrF0YAbEW2+kWKRHbC3YikD8gd+RMMDWc",
      scopes: ["stream:read", "stream:write"],
      createdAt: 0,
    },
  ]);
}
