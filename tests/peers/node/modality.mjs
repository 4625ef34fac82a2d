// Modality: MPPS (N-CREATE, N-SET), MWL and verification by dcmjs-dimse.

import { serve } from './lines.mjs';
import dcmjsDimse from 'dcmjs-dimse';

const { Client, Dataset } = dcmjsDimse;
const { CEchoRequest, CFindRequest, NCreateRequest, NSetRequest } = dcmjsDimse.requests;
const { Status, TransferSyntax } = dcmjsDimse.constants;
const MPPS = '1.2.840.10008.3.1.2.3.3';

/** Send one DIMSE request on an association of its own; give its responses: status and dataset. */
function exchange({ host, port, calling, called }, request) {
  return new Promise((resolve, reject) => {
    const responses = [];
    const client = new Client();
    request.on('response', (response) => {
      responses.push({
        status: response.getStatus(),
        comment: response.getErrorComment?.() ?? null,
        dataset: response.hasDataset() ? response.getDataset().getElements() : null,
      });
    });
    client.addRequest(request);
    client.on('networkError', reject);
    client.on('associationRejected', (result) => reject(new Error(`rejected: ${JSON.stringify(result)}`)));
    client.on('closed', () => resolve(responses));
    client.send(host, port, calling, called, { connectTimeout: 10000, pduTimeout: 30000 });
  });
}

function withDataset(request, elements) {
  const options = { fragmentMultiframe: false };
  request.setDataset(new Dataset(elements, TransferSyntax.ImplicitVRLittleEndian, options));
  return request;
}

await serve({
  echo: (link) => exchange(link, new CEchoRequest()),
  create: (link) => exchange(link, withDataset(new NCreateRequest(MPPS, link.uid), link.elements)),
  set: (link) => exchange(link, withDataset(new NSetRequest(MPPS, link.uid), link.elements)),
  async worklist(link) {
    const responses = await exchange(link, CFindRequest.createWorklistFindRequest(link.elements));
    return responses.filter(({ status, dataset }) => dataset && status !== Status.Success);
  },
});
