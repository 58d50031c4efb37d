// oidc-provider as an Okta org on loopback. Lives as long as its stdin stays open.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { Provider } from 'oidc-provider';

import { sharedAdapter } from './adapter.mjs';
import { Ledger } from './ledger.mjs';
import { layout, oktaDress } from './okta-dress.mjs';
import { firstLine, input, print } from './stdio.mjs';

const { version } = createRequire(import.meta.url)('oidc-provider/package.json');

// The provider's notices go through here, and stdout is for the one line below.
console.info = console.warn;

const config = await firstLine();
const ledger = new Ledger();
const server = createServer();

function stop() {
  server.close(() => process.exit(0));
  server.closeAllConnections();
}
input.once('close', stop);
if (input.closed) stop();
process.once('SIGTERM', stop);

// The issuer names the port, so the socket comes first.
server.listen(config.port ?? 0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();
const { issuer, mount, base } = layout(`http://127.0.0.1:${port}`, config.custom);

const adapter = sharedAdapter();
const jwks = { keys: [signingKey()] };
let provider;
let handle = await newProvider();

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomBytes(8).toString('hex'), alg: 'RS256', use: 'sig' };
}

// Nonces derive from a secret and the clock. A new secret is thus a rotation, and takes a new provider;
// tokens, spent assertions and keys stay.
async function newProvider() {
  const nonceSecret = config.dpop?.nonces ? randomBytes(32) : undefined;
  provider = new Provider(issuer, oktaDress(config, { base, adapter, jwks, nonceSecret }));

  for (const event of ['grant.error', 'introspection.error', 'revocation.error', 'server_error']) {
    provider.on(event, (ctx, error) => ledger.refuse({ path: mount + ctx.path }, error));
  }
  // Metadata is otherwise first read when a client calls, and a test's mistake would look like a refusal.
  for (const { client_id } of config.clients) await provider.Client.find(client_id);

  return provider.callback();
}

// The tokens of a user who has signed in through a client, without a browser.
async function signIn({ client_id, scope }) {
  const client = await provider.Client.find(client_id);
  const accountId = 'ada';
  const grant = new provider.Grant({ accountId, clientId: client_id });
  grant.addOIDCScope(scope);
  const grantId = await grant.save();
  const authTime = Math.floor(Date.now() / 1000);
  const common = { accountId, client, grantId, scope, gty: 'authorization_code', authTime };
  return {
    access_token: await new provider.AccessToken(common).save(),
    refresh_token: await new provider.RefreshToken(common).save(),
  };
}

async function json(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

const controls = {
  'GET /control/requests': () => ledger.requests,
  'GET /control/refusals': () => ledger.refusals,
  'POST /control/sign-in': async (req) => signIn(await json(req)),
  'POST /control/reset-requests': () => ledger.reset(),
  'POST /control/rotate-nonce': async () => { handle = await newProvider(); },
};

async function control(req, res) {
  const action = controls[`${req.method} ${req.url}`];
  const body = await action?.(req);
  res.statusCode = action ? (body ? 200 : 204) : 404;
  res.setHeader('content-type', 'application/json');
  res.end(body && JSON.stringify(body));
}

server.on('request', (req, res) => {
  if (req.url.startsWith('/control/')) return control(req, res);

  const [path] = req.url.split('?');
  res.once('finish', () => ledger.count(path, res.statusCode));

  if (!req.url.startsWith(`${mount}/`)) {
    res.statusCode = 404;
    return res.end();
  }
  // The provider works out its own URLs from what the mount cut off.
  req.originalUrl = req.url;
  req.url = req.url.slice(mount.length);
  return handle(req, res);
});

print({ issuer, port, provider_version: version, node_version: process.versions.node });
