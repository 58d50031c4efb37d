// MCP's conformance suite. A server's scenarios send no token, so one is added on the way; a client's are run with the
// command that is given.
import { spawn } from 'node:child_process';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { answer } from './stdio.mjs';

const require = createRequire(import.meta.url);
const suite = new URL('node_modules/@modelcontextprotocol/conformance/', import.meta.url);
const { version } = require(new URL('package.json', suite).pathname);

// What is kept of the suite's output: the last lines, where the verdict stands.
function run(args) {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  const all = [new URL('dist/index.js', suite).pathname, ...args, '--output-dir', folder];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, all, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { said += data; });
    child.on('close', (code) => {
      rmSync(folder, { recursive: true, force: true });
      resolve({ code, said: said.slice(-2000) });
    });
  });
}

// Passes everything on to `target`, with the token if there is one.
function relay(target, token) {
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    if (token) headers.authorization = `Bearer ${token}`;
    const { hostname, port } = new URL(target);
    const passed = request({ hostname, port, path, method, headers }, (answered) => {
      outgoing.writeHead(answered.statusCode, answered.headers);
      answered.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  });
  return new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(server)); });
}

answer(async ({ server, token, client, scenarios }) => {
  const passing = server && await relay(server, token);
  const through = passing && `http://127.0.0.1:${passing.address().port}${new URL(server).pathname}`;
  const args = server ? ['server', '--url', through] : ['client', '--command', client];
  const results = scenarios.map(async (scenario) => [scenario, await run([...args, '--scenario', scenario])]);
  return { version, results: Object.fromEntries(await Promise.all(results)) };
});
