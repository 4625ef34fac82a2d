// Modality: MPPS (N-CREATE, N-SET), MWL, verification and storage commitment by dcmjs-dimse; it takes notifications
// of instances (N-CREATE), too.

import { serve } from './lines.mjs';
import dcmjsDimse from 'dcmjs-dimse';

const { Client, Dataset, Scp, Server } = dcmjsDimse;
const { CEchoRequest, CFindRequest, NActionRequest, NCreateRequest, NSetRequest } = dcmjsDimse.requests;
const { NCreateResponse, NEventReportResponse } = dcmjsDimse.responses;
const { PresentationContextResult, Status, TransferSyntax } = dcmjsDimse.constants;
const MPPS = '1.2.840.10008.3.1.2.3.3';
const COMMITMENT = '1.2.840.10008.1.20.1';
const COMMITMENT_INSTANCE = '1.2.840.10008.1.20.1.1';
const PENDING = [0xff00, 0xff01];
const reports = [];
const notifications = [];

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
    // It takes FF01 (pending, keys not supported) for final, so that it may ask for release twice, the second time
    // after it ended the connection.
    const over = () => responses.length && !PENDING.includes(responses.at(-1).status);
    client.on('networkError', (error) => (over() ? undefined : reject(error)));
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

/** Takes reports of storage commitment (PS3.4 J.3.3), and Instance Availability Notifications (Annex R). */
class Reports extends Scp {
  associationRequested(association) {
    for (const { id } of association.getPresentationContexts()) {
      const context = association.getPresentationContext(id);
      context.setResult(PresentationContextResult.Accept, TransferSyntax.ImplicitVRLittleEndian);
    }
    this.sendAssociationAccept();
  }

  nEventReportRequest(request, callback) {
    reports.push({ type: request.getEventTypeId(), information: request.getDataset().getElements() });
    const response = NEventReportResponse.fromRequest(request);
    response.setStatus(Status.Success);
    callback(response);
  }

  nCreateRequest(request, callback) {
    notifications.push(request.getDataset().getElements());
    const response = NCreateResponse.fromRequest(request);
    response.setStatus(Status.Success);
    callback(response);
  }

  associationReleaseRequested() {
    this.sendAssociationReleaseResponse();
  }
}

await serve({
  async listen({ port }) {
    new Server(Reports).listen(port);
  },
  commit: (link) => exchange(link, withDataset(new NActionRequest(COMMITMENT, COMMITMENT_INSTANCE, 1), link.elements)),
  reports: async () => reports,
  notifications: async () => notifications,
  echo: (link) => exchange(link, new CEchoRequest()),
  create: (link) => exchange(link, withDataset(new NCreateRequest(MPPS, link.uid), link.elements)),
  set: (link) => exchange(link, withDataset(new NSetRequest(MPPS, link.uid), link.elements)),
  async worklist(link) {
    const responses = await exchange(link, CFindRequest.createWorklistFindRequest(link.elements));
    return responses.filter(({ status, dataset }) => dataset && status !== Status.Success);
  },
});
