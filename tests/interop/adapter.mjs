// Unlike the provider's own in-memory adapter, this one outlives a provider and never evicts a live token.
// It has only what client credentials and refresh tokens need; the provider itself checks expiry on reading.
export function sharedAdapter() {
  const records = new Map();

  return (model) => {
    const key = (id) => `${model}:${id}`;

    return {
      upsert: async (id, payload) => void records.set(key(id), payload),
      find: async (id) => records.get(key(id)),
      destroy: async (id) => void records.delete(key(id)),
      consume: async (id) => { records.get(key(id)).consumed = Math.floor(Date.now() / 1000); },
      revokeByGrantId: async (grantId) => {
        for (const [name, payload] of records) {
          if (name.startsWith(`${model}:`) && payload.grantId === grantId) records.delete(name);
        }
      },
    };
  };
}
