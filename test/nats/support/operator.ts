import { nkeys } from "@nats-io/transport-node";

/** A user of a NATS server whose users are known by JWTs. */
export interface JwtUser {
  /** What the server's configuration says of the operator and the account. */
  readonly config: string;
  /** What the user's credentials file has. */
  readonly credentials: string;
  /** The secret in it. */
  readonly seed: string;
}

/** Makes an operator, an account with JetStream and a user. */
export function createJwtUser(): JwtUser {
  const operator = nkeys.createOperator();
  const account = nkeys.createAccount();
  const system = nkeys.createAccount();
  const user = nkeys.createUser();
  const unlimited = { subs: -1, data: -1, payload: -1 };
  const limits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const jetStream = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const operatorJwt = sign(operator, operator, {
    type: "operator",
    system_account: system.getPublicKey(),
  });
  const systemJwt = sign(system, operator, { type: "account", limits });
  const accountJwt = sign(account, operator, {
    type: "account",
    limits: { ...limits, ...jetStream },
  });
  const userJwt = sign(user, account, { type: "user", ...unlimited });
  const seed = new TextDecoder().decode(user.getSeed());
  return {
    config: `operator: "${operatorJwt}"
      resolver: MEMORY
      system_account: ${system.getPublicKey()}
      resolver_preload: {
        ${account.getPublicKey()}: "${accountJwt}"
        ${system.getPublicKey()}: "${systemJwt}"
      }`,
    credentials: [
      "-----BEGIN NATS USER JWT-----",
      userJwt,
      "------END NATS USER JWT------",
      "-----BEGIN USER NKEY SEED-----",
      seed,
      "------END USER NKEY SEED------",
      "",
    ].join("\n"),
    seed,
  };
}

type KeyPair = ReturnType<typeof nkeys.createUser>;

function sign(subject: KeyPair, issuer: KeyPair, nats: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    jti: "test",
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    nats: { ...nats, version: 2 },
  };
  const text = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part(claims)}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString("base64url")}`;
}
