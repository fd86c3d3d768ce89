// k6 calls this at the end of a run: the figures go to the file that `loadtests/k6.py` reads.
export function handleSummary(data) {
  return { [__ENV.SUMMARY]: JSON.stringify({ metrics: data.metrics, root_group: data.root_group }) };
}
