import { expect, test } from "vitest";
import { createIssuerKeys } from "../../src/server/auth/issuer/issuer-keys.js";
import { createIssuerTokens } from "../../src/server/auth/issuer/issuer-tokens.js";
import type { Scope } from "../../src/server/auth/scopes.js";
import { createKey, startIssuer } from "./fake-issuer.js";

const rsa = await createKey("RS256", "KHbq2Lmp8d");
const encryption = await createKey("RSA-OAEP", "enc-key");
const elliptic = await createKey("ES256", "ec-key");

/*
 * Documents and tokens in the forms that identity providers give. The names in them are made up.
 */
interface Provider {
  readonly name: string;
  readonly issuer: string;
  readonly audience: string;
  /** What its key set says of its signing key beside the key itself. */
  readonly jwk: object;
  readonly claims: object;
  readonly scopeClaim: string;
  readonly scopeMap?: readonly (readonly [string, Scope])[];
  readonly scopes: readonly Scope[];
}

const providers: readonly Provider[] = [
  {
    name: "Keycloak, roles of the realm",
    issuer: "https://login.example.com/realms/main",
    audience: "account",
    jwk: { use: "sig", x5c: ["MIICmzCCAYMCBgGA"], x5t: "w2RU", "x5t#S256": "bLJ4" },
    claims: {
      aud: ["chatter", "account"],
      azp: "page",
      typ: "Bearer",
      acr: "1",
      realm_access: { roles: ["offline_access", "chat-writer", "default-roles-main"] },
      resource_access: { account: { roles: ["manage-account"] } },
      scope: "openid email profile",
      sid: "6c1d7a4f",
    },
    scopeClaim: "realm_access.roles",
    scopeMap: [["chat-writer", "stream:write"]],
    scopes: ["stream:write"],
  },
  {
    name: "Keycloak, roles of a client whose name has dots",
    issuer: "https://login.example.com/realms/main",
    audience: "chat.example.com",
    jwk: { use: "sig" },
    claims: { resource_access: { "chat.example.com": { roles: ["stream:read:team/*"] } } },
    scopeClaim: "resource_access.chat.example.com.roles",
    scopes: ["stream:read:team/*"],
  },
  {
    name: "Auth0, permissions",
    issuer: "https://main.eu.auth0.example/",
    audience: "https://chat.example.com",
    jwk: { use: "sig", x5c: ["MIIDBTCCAe2gAwIBAgIJ"], x5t: "vLXa" },
    claims: {
      sub: "auth0|507f1f77bcf86cd799439011",
      aud: ["https://chat.example.com", "https://main.eu.auth0.example/userinfo"],
      azp: "my-client",
      scope: "openid profile stream:read",
      permissions: ["stream:read", "stream:write:team/alpha"],
    },
    scopeClaim: "permissions",
    scopes: ["stream:read", "stream:write:team/alpha"],
  },
  {
    name: "Auth0, a claim of a namespace",
    issuer: "https://main.eu.auth0.example/",
    audience: "https://chat.example.com",
    jwk: { use: "sig" },
    claims: { "https://chat.example.com/roles": ["writer"] },
    scopeClaim: "https://chat.example.com/roles",
    scopeMap: [["writer", "stream:write"]],
    scopes: ["stream:write"],
  },
  {
    name: "Entra, application roles; its keys have no alg",
    issuer: "https://login.microsoftonline.example/72f988bf/v2.0",
    audience: "6e74172b-be56-4843-9ff4-e66a39bb12e3",
    jwk: { use: "sig", alg: undefined, x5t: "nOo3", x5c: ["MIIC"], issuer: "https://…/v2.0" },
    claims: {
      aio: "AXQAi",
      azp: "my-client",
      azpacr: "0",
      oid: "690222be",
      roles: ["Chat.Read.All"],
      tid: "72f988bf",
      uti: "fqiBqXLPj0eQa82S",
      ver: "2.0",
    },
    scopeClaim: "roles",
    scopeMap: [["Chat.Read.All", "stream:read"]],
    scopes: ["stream:read"],
  },
  {
    name: "Entra, delegated scopes with spaces between",
    issuer: "https://login.microsoftonline.example/72f988bf/v2.0",
    audience: "6e74172b-be56-4843-9ff4-e66a39bb12e3",
    jwk: { use: "sig", alg: undefined },
    claims: { scp: "Chat.Read Chat.Write", ver: "2.0" },
    scopeClaim: "scp",
    scopeMap: [
      ["Chat.Read", "stream:read"],
      ["Chat.Write", "stream:write"],
    ],
    scopes: ["stream:read", "stream:write"],
  },
  {
    name: "Dex, groups",
    issuer: "https://dex.example.com",
    audience: "chatter",
    jwk: { use: "sig" },
    claims: {
      sub: "CgcyMzQyNzQ5EgZnaXRodWI",
      at_hash: "X_czLRVD",
      c_hash: "5BUcz0W",
      email_verified: true,
      groups: ["main:readers", "main:others"],
    },
    scopeClaim: "groups",
    scopeMap: [["main:readers", "stream:read"]],
    scopes: ["stream:read"],
  },
  {
    name: "an object whose names are the roles",
    issuer: "https://zitadel.example.com",
    audience: "chatter",
    jwk: { use: "sig" },
    claims: {
      "urn:zitadel:iam:org:project:roles": {
        writer: { "2001": "main.example.com" },
        reader: false,
      },
    },
    scopeClaim: "urn:zitadel:iam:org:project:roles",
    scopeMap: [
      ["writer", "stream:write"],
      ["reader", "stream:read"],
    ],
    scopes: ["stream:write"],
  },
];

test.each(providers)("$name", async ({ issuer, audience, jwk, claims, ...provider }) => {
  const server = await startIssuer(rsa);
  // A set has keys of other uses and kinds too.
  server.published = [
    { publicJwk: { ...encryption.publicJwk, use: "enc" } },
    { publicJwk: { ...elliptic.publicJwk, use: "sig" } },
    { publicJwk: JSON.parse(JSON.stringify({ ...rsa.publicJwk, ...jwk })) },
  ];
  const tokens = createIssuerTokens({
    issuer,
    audience,
    keys: createIssuerKeys({ url: server.url, onError: () => {} }),
    scopeClaim: provider.scopeClaim,
    ...(provider.scopeMap && { scopeMap: new Map(provider.scopeMap) }),
  });
  const token = await server.sign({ iss: issuer, aud: audience, scope: undefined, ...claims });
  expect((await tokens.verify(token)).scopes).toEqual(provider.scopes);
});
