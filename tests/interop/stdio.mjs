// One JSON value per line, both ways: the whole contract between a test and a script.
import { createInterface } from 'node:readline';

export const input = createInterface({ input: process.stdin });

export const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

// A parser's complaint may quote its input, and the input holds a private key.
export function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    throw new Error('a line of stdin is not JSON');
  }
}

export function firstLine() {
  return new Promise((resolve, reject) => {
    input.once('line', resolve);
    input.once('close', () => reject(new Error('stdin ended before the configuration')));
  }).then(parse);
}

// For scripts that do one thing: configuration in, result out, exit code 0 or 1.
export async function answer(work) {
  try {
    print(await work(await firstLine()));
    process.exit(0);
  } catch (error) {
    print({ error: describe(error) });
    process.exit(1);
  }
}

export function describe(error) {
  const cause = error.cause?.error ? `: ${error.cause.error} ${error.cause.error_description ?? ''}`
    : error.cause?.message ? `: ${error.cause.message}` : '';
  return `${error.message}${cause}`.trim();
}
