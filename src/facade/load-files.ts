// Loads the adapters over files when they are first used, so that importing the entry costs little.

export async function loadFiles() {
  const [store, readModel, due, list, output, inbox, keys] = await Promise.all([
    import('../adapters/eventstore/embedded/store.ts'),
    import('../adapters/sqlite/read-model.ts'),
    import('../adapters/sqlite/due-index.ts'),
    import('../adapters/sqlite/delivery-index.ts'),
    import('../adapters/sqlite/messages/output.ts'),
    import('../adapters/sqlite/messages/inbox.ts'),
    import('../adapters/keys/message-keys.ts'),
  ]);
  return { ...store, ...readModel, ...due, ...list, ...output, ...inbox, ...keys };
}
