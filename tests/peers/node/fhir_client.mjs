// EHR: Medplum's own FHIR client, which asks a server as an application made with it does.

import { serve } from './lines.mjs';
import { MedplumClient } from '@medplum/core';

const clients = new Map();

function client(url) {
  if (!clients.has(url)) {
    const at = new URL(url);
    clients.set(
      url,
      new MedplumClient({
        baseUrl: `${at.origin}/`,
        fhirUrlPath: at.pathname.replace(/^\//, ''),
        cacheTime: 0,
        fetch,
      })
    );
  }
  return clients.get(url);
}

const plain = (value) => JSON.parse(JSON.stringify(value ?? null));

await serve({
  create: async ({ url, resource }) => plain(await client(url).createResource(resource)),
  createIfNoneExist: async ({ url, resource, query }) =>
    plain(await client(url).createResourceIfNoneExist(resource, query)),
  read: async ({ url, type, name }) => plain(await client(url).readResource(type, name, { cache: 'reload' })),
  update: async ({ url, resource }) => plain(await client(url).updateResource(resource)),
  upsert: async ({ url, resource, query }) => plain(await client(url).upsertResource(resource, query)),
  patch: async ({ url, type, name, operations }) =>
    plain(await client(url).patchResource(type, name, operations)),
  remove: async ({ url, type, name }) => plain(await client(url).deleteResource(type, name)),
  search: async ({ url, type, query }) => plain(await client(url).search(type, query, { cache: 'reload' })),
  pages: async ({ url, type, query }) => {
    const found = [];
    for await (const page of client(url).searchResourcePages(type, query, { cache: 'reload' })) {
      found.push(plain([...page]));
    }
    return found;
  },
  bundle: async ({ url, bundle }) => plain(await client(url).executeBatch(bundle)),
  history: async ({ url, type, name }) => plain(await client(url).readHistory(type, name)),
  outcome: async ({ url, type, name }) => {
    try {
      await client(url).readResource(type, name, { cache: 'reload' });
      return null;
    } catch (error) {
      return plain(error.outcome);
    }
  },
});
