// A HIS that is told of its orders: HL7 v2 over MLLP by @medplum/hl7's server, which acknowledges every message.

import { serve } from './lines.mjs';
import { Hl7Server } from '@medplum/hl7';

const heard = [];
let server;

await serve({
  async start({ port, enhanced }) {
    server = new Hl7Server((connection) => {
      connection.addEventListener('message', ({ message }) => {
        heard.push(message.toString());
        connection.send(message.buildAck());
      });
    });
    await server.start(port, 'utf-8', enhanced);
  },
  async stop() {
    await server.stop({ forceDrainTimeoutMs: 0 });
  },
  async heard() {
    return heard;
  },
});
