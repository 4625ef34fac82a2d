// One JSON request a line on standard input, one JSON answer a line on standard output: {id, operation, ...} gives
// {id, result} or {id, error}. Imported first by every peer, since libraries write their logs to standard output.

const answer = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

/** Serve `operations` (name → async function of the request) until standard input ends. */
export async function serve(operations) {
  const { createInterface } = await import('node:readline');
  const lines = createInterface({ input: process.stdin });
  lines.on('line', async (line) => {
    const request = JSON.parse(line);
    try {
      const result = await operations[request.operation](request);
      answer(`${JSON.stringify({ id: request.id, result: result ?? null })}\n`);
    } catch (error) {
      answer(`${JSON.stringify({ id: request.id, error: String(error?.stack ?? error) })}\n`);
    }
  });
  lines.on('close', () => process.exit(0));
}
