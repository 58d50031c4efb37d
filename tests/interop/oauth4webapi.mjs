// A strict, independent client: client_credentials, introspect, revoke, introspect.
import { createPrivateKey, webcrypto } from 'node:crypto';
import { createRequire } from 'node:module';
import * as oauth from 'oauth4webapi';

import { answer } from './stdio.mjs';

const { version } = createRequire(import.meta.url)('oauth4webapi/package.json');

const loopback = { [oauth.allowInsecureRequests]: true };

const IMPORT = {
  RS: (bits) => ({ name: 'RSASSA-PKCS1-v1_5', hash: `SHA-${bits}` }),
  ES: (bits) => ({ name: 'ECDSA', namedCurve: `P-${bits === '512' ? '521' : bits}` }),
};

function privateKey({ privateKeyJwk, privateKeyPem, alg, kid }) {
  const source = privateKeyJwk ? { key: privateKeyJwk, format: 'jwk' } : privateKeyPem;
  const pkcs8 = createPrivateKey(source).export({ type: 'pkcs8', format: 'der' });
  const algorithm = IMPORT[alg.slice(0, 2)](alg.slice(2));
  return webcrypto.subtle
    .importKey('pkcs8', pkcs8, algorithm, false, ['sign'])
    .then((key) => ({ key, kid: kid ?? privateKeyJwk?.kid }));
}

// The library names the issuer as the audience; Okta wants the URL being called.
const authenticate = (key) => (url) => oauth.PrivateKeyJwt(key, {
  [oauth.modifyAssertion]: (_header, claims) => { claims.aud = url; },
});

async function withNonceRetry(attempt) {
  try {
    return await attempt();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return attempt();
  }
}

answer(async (config) => {
  const { issuer, token_endpoint, introspection_endpoint, revocation_endpoint, clientId, scope, resource } = config;
  const as = { issuer, token_endpoint, introspection_endpoint, revocation_endpoint };
  const client = { client_id: clientId };
  const auth = authenticate(await privateKey(config));
  const proof = config.dpop ? { DPoP: oauth.DPoP(client, await oauth.generateKeyPair('ES256')) } : {};
  const jkt = await proof.DPoP?.calculateThumbprint();

  let token_requests = 0;
  const token = await withNonceRetry(async () => {
    token_requests += 1;
    const response = await oauth.clientCredentialsGrantRequest(
      as, client, auth(token_endpoint), { scope }, { ...loopback, ...proof },
    );
    return oauth.processClientCredentialsResponse(as, client, response);
  });

  const introspect = async () => oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(
    as, client, auth(introspection_endpoint), token.access_token, loopback,
  ));

  const before = await introspect();
  if (jkt && before.cnf?.jkt !== jkt) throw new Error('the token is not bound to the proof key');

  const resource_status = resource && (await withNonceRetry(() => oauth.protectedResourceRequest(
    token.access_token, 'GET', new URL(resource), undefined, undefined, { ...loopback, ...proof },
  ))).status;

  await oauth.processRevocationResponse(await oauth.revocationRequest(
    as, client, auth(revocation_endpoint), token.access_token, loopback,
  ));
  const after = await introspect();

  return {
    version,
    node_version: process.versions.node,
    token_type: token.token_type,
    expires_in: token.expires_in,
    scope: token.scope,
    token_requests,
    active_before: before.active,
    active_after: after.active,
    client_id: before.client_id,
    resource_status,
  };
});
