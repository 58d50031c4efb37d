// One service token by openid-client. Settings come from the variables that our command reads too.
import { readFile } from 'node:fs/promises';
import { createPrivateKey, webcrypto } from 'node:crypto';
import * as client from 'openid-client';

const {
  OKTA_CLIENT_ORGURL: issuer,
  OKTA_CLIENT_CLIENTID: clientId,
  OKTA_CLIENT_PRIVATEKEY: keyFile,
  OKTA_CLIENT_PRIVATEKEYID: kid,
  OKTA_CLIENT_SCOPES: scope,
} = process.env;

const token_endpoint = `${issuer}/oauth2/v1/token`;

const algorithm = process.env.ALGORITHM === 'RS256'
  ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  : { name: 'ECDSA', namedCurve: 'P-256' };
const pkcs8 = createPrivateKey(await readFile(keyFile)).export({ type: 'pkcs8', format: 'der' });
const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);

// The library names the issuer as the audience; Okta wants the URL being called.
const authenticate = client.PrivateKeyJwt({ key, kid }, {
  [client.modifyAssertion]: (_header, claims) => { claims.aud = token_endpoint; },
});
const config = new client.Configuration({ issuer, token_endpoint }, clientId, {}, authenticate);
if (token_endpoint.startsWith('http://127.0.0.1:')) client.allowInsecureRequests(config);

const token = await client.clientCredentialsGrant(config, { scope });
console.log(JSON.stringify({ expires_in: token.expires_in }));
