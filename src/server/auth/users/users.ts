import { checkUserName } from "../names.js";
import {
  defaultPasswordCost,
  dummyHash,
  hashPassword,
  type PasswordCost,
  passwordCost,
} from "../passwords.js";
import { checkScopes, type Scope } from "../scopes.js";

/** One account. */
export interface User {
  /** 1 to 128 bytes of UTF-8, no control characters, no colon. */
  readonly name: string;
  /** As `hashPassword` makes it. */
  readonly passwordHash: string;
  readonly scopes: readonly Scope[];
  /** In milliseconds since 1970. */
  readonly createdAt: number;
}

/** The accounts of a server. */
export interface Users {
  /** The account of this name, compared exactly. */
  find(name: string): User | undefined;
  /**
   * The hash that the password of an unknown user is checked against, so that the answer takes as
   * long: no password matches it, and it costs as much as the costliest account's.
   */
  readonly dummyHash: string;
  /**
   * Calls the listener when accounts may have been removed. Returns a function that unsubscribes.
   */
  onChange?(listener: () => void): () => void;
}

export interface NewUser {
  readonly name: string;
  /** 1 to 1,024 bytes of UTF-8. */
  readonly password: string;
  /** "stream:read", "stream:write". */
  readonly scopes: readonly string[];
  /** Default: `defaultPasswordCost`. */
  readonly cost?: PasswordCost;
}

/**
 * A new account with its password hashed. Rejects with `invalid_argument` if the name, the password
 * or a scope is not valid.
 */
export async function newUser({ name, password, scopes, cost }: NewUser): Promise<User> {
  checkUserName(name);
  const checked = checkScopes(scopes);
  return {
    name,
    passwordHash: await hashPassword(password, cost),
    scopes: checked,
    createdAt: Date.now(),
  };
}

/** Makes the accounts searchable by name. Of two with one name, the last one counts. */
export function createUsers(list: readonly User[]): Users {
  // A map, so that "__proto__" is a name like any other.
  const byName = new Map(list.map((user) => [user.name, user]));
  return {
    find: (name) => byName.get(name),
    dummyHash: dummyHash(costliest(list)),
  };
}

function costliest(list: readonly User[]): PasswordCost {
  const work = ({ logN, r, p }: PasswordCost) => 2 ** logN * r * p;
  const costs = list.map((user) => passwordCost(user.passwordHash));
  return costs.length === 0
    ? defaultPasswordCost
    : costs.reduce((most, cost) => (work(cost) > work(most) ? cost : most));
}
