import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { onTestFinished } from "vitest";

type Key = Awaited<ReturnType<typeof createKey>>;

/** A key pair of an issuer. */
export async function createKey(alg: string, kid: string) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), alg, kid } as JWK };
}

/** A test issuer that publishes keys and signs tokens, on a port of this machine. */
export async function startIssuer(...keys: Key[]) {
  const issuer = {
    name: "https://login.example.com/realms/main/",
    url: new URL("http://127.0.0.1"),
    published: keys as Pick<Key, "publicJwk">[],
    /** How often its keys were fetched. */
    fetches: 0,
    /** Answers in place of the keys. */
    answer: undefined as ((response: ServerResponse) => void) | undefined,
    /** A token that is valid except for these claims; undefined leaves one out. */
    async sign(claims: Record<string, unknown> = {}, key = keys[0]!): Promise<string> {
      const now = Math.floor(Date.now() / 1000);
      const all = { iss: issuer.name, aud: "chatter", sub: "goa", iat: now, exp: now + 60 };
      return new SignJWT({ ...all, scope: "openid stream:read", ...claims })
        .setProtectedHeader({ alg: key.alg, kid: key.kid })
        .sign(key.privateKey);
    },
    /** It answers no requests any more, until `start`. */
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    start: () => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve)),
  };
  let port = 0;
  const server = createServer((_request, response) => {
    issuer.fetches++;
    if (issuer.answer) {
      issuer.answer(response);
    } else {
      const set = { keys: issuer.published.map(({ publicJwk }) => publicJwk) };
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(set));
    }
  });
  await issuer.start();
  port = (server.address() as AddressInfo).port;
  issuer.url = new URL(`http://127.0.0.1:${port}/jwks.json`);
  onTestFinished(async () => {
    server.closeAllConnections();
    await issuer.stop();
  });
  return issuer;
}
