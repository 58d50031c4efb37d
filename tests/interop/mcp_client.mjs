// The official TypeScript SDK of MCP as a service: from a 401 through the metadata to tool calls.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { PrivateKeyJwtProvider, createPrivateKeyJwtAuth } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { describe, parse, print } from './stdio.mjs';

const require = createRequire(import.meta.url);
const { version } = require('@modelcontextprotocol/sdk/client')
  ? require('./node_modules/@modelcontextprotocol/sdk/package.json') : {};

// What was asked of whom since the last answer, and what was said to it.
let requests = [];
async function recorded(url, init) {
  const answer = await fetch(url, init);
  const challenge = answer.headers.get('www-authenticate') ?? undefined;
  requests.push({ method: init?.method ?? 'GET', path: new URL(url).pathname, status: answer.status, challenge });
  return answer;
}

function taken() {
  const seen = requests;
  requests = [];
  return seen;
}

let client, provider, authenticate, issuer;

async function connect(config) {
  const { url, clientId, privateKey, scope } = config;
  issuer = config.issuer;
  const options = { issuer: clientId, subject: clientId, privateKey, alg: 'ES256' };
  provider = new PrivateKeyJwtProvider({ clientId, privateKey, algorithm: 'ES256', scope, expectedIssuer: issuer });
  // The SDK names the issuer as the audience; Okta wants the URL being called.
  authenticate = (headers, params, called, metadata) =>
    createPrivateKeyJwtAuth({ ...options, audience: String(called) })(headers, params, called, metadata);
  provider.addClientAuthentication = authenticate;
  client = new Client({ name: 'interop', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider: provider, fetch: recorded }));
  const { tools } = await client.listTools();
  return { sdk_version: version, tools: tools.map(({ name }) => name).sort() };
}

async function call(name) {
  const { content } = await client.callTool({ name, arguments: { id: 7 } });
  return { text: content[0].text };
}

async function revoke() {
  const params = new URLSearchParams({ token: provider.tokens().access_token });
  const url = `${issuer}/v1/revoke`;
  await authenticate(new Headers(), params, url);
  const { status } = await fetch(url, { method: 'POST', body: params });
  return { status };
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = parse(line);
  try {
    const answer = command.call ? await call(command.call) : command.revoke ? await revoke() : await connect(command);
    print({ ...answer, requests: taken() });
  } catch (error) {
    print({ error: describe(error), requests: taken() });
  }
}
process.exit(0);
