// HIS: HL7 v2 over MLLP by two clients, node-hl7-client and @medplum/hl7, each on one lasting connection per port.

import { serve } from './lines.mjs';
import { Hl7Message } from '@medplum/core';
import { Hl7Client } from '@medplum/hl7';
import { Client, Message } from 'node-hl7-client';

const ANSWER_WITHIN = 30000;
const connections = new Map();

function opened(key, open) {
  if (!connections.has(key)) {
    connections.set(key, open());
  }
  return connections.get(key);
}

function openNodeHl7Client(host, port, version) {
  const waiting = [];
  const client = new Client({ host, version });
  const connection = client.createConnection({ port, encoding: 'utf8' }, (response) => {
    waiting.shift()?.resolve(response.getMessage().toString());
  });
  // To send before it has connected makes it connect a second time.
  const connected = new Promise((resolve) => connection.once('connect', resolve));
  connection.on('client.error', (error) => waiting.splice(0).forEach((one) => one.reject(error)));
  return {
    async send(text) {
      const answer = new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('no answer in time')), ANSWER_WITHIN);
        waiting.push({
          resolve: (value) => (clearTimeout(timer), resolve(value)),
          reject: (error) => (clearTimeout(timer), reject(error)),
        });
      });
      await Promise.race([connected, answer]);
      await connection.sendMessage(new Message({ text }));
      return answer;
    },
    close: () => connection.close(),
  };
}

function openMedplum(host, port) {
  const client = new Hl7Client({ host, port, encoding: 'utf-8', keepAlive: true });
  return {
    async send(text) {
      const answer = await client.sendAndWait(Hl7Message.parse(text), { timeoutMs: ANSWER_WITHIN });
      return answer.toString();
    },
    close: () => client.close(),
  };
}

const OPEN = { 'node-hl7-client': openNodeHl7Client, '@medplum/hl7': openMedplum };

await serve({
  async send({ client, host, port, message }) {
    const version = message.split('\r')[0].split('|')[11]?.split('^')[0];
    const key = JSON.stringify([client, host, port, version]);
    try {
      return await opened(key, () => OPEN[client](host, port, version)).send(message);
    } catch (error) {
      connections.delete(key);
      throw error;
    }
  },
  async close() {
    await Promise.allSettled([...connections.values()].map((connection) => connection.close()));
    connections.clear();
  },
});
