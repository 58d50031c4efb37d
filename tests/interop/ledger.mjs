// What the server was asked and how it answered, for tests that count requests.
export class Ledger {
  #requests = {};

  #refusals = [];

  count(path, status) {
    const statuses = (this.#requests[path] ??= {});
    statuses[status] = (statuses[status] ?? 0) + 1;
  }

  // A refused client is told little; the test may know more.
  refuse({ path }, { message, error_description, error_detail }) {
    this.#refusals.push({ path, error: message, description: error_description, detail: error_detail });
  }

  reset() {
    this.#requests = {};
    this.#refusals = [];
  }

  get requests() {
    return this.#requests;
  }

  get refusals() {
    return this.#refusals;
  }
}
