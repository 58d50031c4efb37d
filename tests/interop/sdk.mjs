// Okta's own SDK, unchanged, as a service app: one token, then the users of the org.
import { createRequire } from 'node:module';
import okta from '@okta/okta-sdk-nodejs';

import { answer } from './stdio.mjs';

const { version } = createRequire(import.meta.url)('@okta/okta-sdk-nodejs/package.json');

// The SDK sends even loopback traffic through a proxy found here, and takes unset options from OKTA_CLIENT_*.
for (const name of Object.keys(process.env)) {
  if (/^https_proxy$/i.test(name) || name.startsWith('OKTA_')) delete process.env[name];
}

answer(async ({ orgUrl, clientId, privateKeyPem, privateKeyJwk, keyId = '', scopes, dpop = false, limit }) => {
  const client = new okta.Client({
    orgUrl,
    clientId,
    keyId,
    scopes,
    authorizationMode: 'PrivateKey',
    privateKey: privateKeyJwk ?? privateKeyPem,
  });

  const requests = [];
  client.requestExecutor.on('response', ({ url, status }) => requests.push({ path: new URL(url).pathname, status }));

  // The SDK takes an error body for a token and fails later, with the API's complaint. Look first.
  const token = await client.oauth.getAccessToken();
  if (token.error) throw new Error(`${token.error}: ${token.error_description}`);
  if (dpop !== client.oauth.isDPoP) throw new Error(`DPoP in use: ${client.oauth.isDPoP}, expected: ${dpop}`);

  const users = [];
  for await (const user of await client.userApi.listUsers({ limit })) {
    users.push({ id: user.id, login: user.profile.login });
  }

  return {
    sdk_version: version,
    node_version: process.versions.node,
    token_type: token.token_type,
    expires_in: token.expires_in,
    scope: token.scope,
    users,
    requests,
  };
});
