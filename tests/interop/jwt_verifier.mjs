// Okta's own local verification, one verdict per token.
import OktaJwtVerifier from '@okta/jwt-verifier';

import { describe, input, parse, print } from './stdio.mjs';

// The verifier warns once per instance that http is unsafe; on loopback that is noise.
console.warn = () => {};

// Some malformed tokens make the verifier throw outside its promise. That is a refusal too.
const verdict = (work) => new Promise((resolve, reject) => {
  process.once('uncaughtException', reject);
  work.then(resolve, reject).finally(() => process.off('uncaughtException', reject));
});

let verifier;
let defaults;

function configure({ issuer, jwksUri, audience, clientId }) {
  defaults = { audience, clientId };
  verifier = new OktaJwtVerifier({
    issuer,
    jwksUri,
    clientId,
    testing: { disableHttpsCheck: true },
    // The default of 10 a minute would turn a longer list of unknown key ids into rate-limit errors.
    jwksRequestsPerMinute: 1000,
  });
}

function check({ kind, token, nonce, expectedAudience, expectedClientId }) {
  return kind === 'id'
    ? verifier.verifyIdToken(token, expectedClientId ?? defaults.clientId, nonce)
    : verifier.verifyAccessToken(token, expectedAudience ?? defaults.audience);
}

async function judge(value) {
  const { name } = value;
  try {
    await verdict(check(value));
    return { name, ok: true };
  } catch (error) {
    return { name, ok: false, error: describe(error) };
  }
}

try {
  for await (const line of input) {
    const value = parse(line);
    if (verifier) print(await judge(value));
    else configure(value);
  }
} catch (error) {
  print({ error: describe(error) });
  process.exitCode = 1;
}
