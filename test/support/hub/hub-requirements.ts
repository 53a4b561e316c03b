/** What EngineHub promises, by number, and which test file holds each promise. */
import { type TestOptions, test } from 'vitest'

type Requirement = { readonly says: string; readonly file: string }

const flows = 'test/service/enginehub-flows.test.ts'
const api = 'test/service/enginehub-api.test.ts'
const faults = 'test/service/enginehub-faults.test.ts'
const reports = 'test/service/enginehub-reports.test.ts'
const store = 'src/hub/store/hub-store.test.ts'

/** Those tested elsewhere name the test in `says`. */
export const hubRequirements = {
  'EH-01': {
    file: api,
    says: 'an ad hoc flow, chain or graph, waits; a bad one is refused with reason and path, and stored nowhere',
  },
  'EH-02': { file: api, says: 'the temporary flow goes with its run, its result stays' },
  'EH-03': {
    file: api,
    says: 'deployed flows and their runs are made, listed, read and removed, and survive restarts of everything',
  },
  'EH-04': { file: store, says: 'is served oldest first; what cannot be served is passed over and keeps its place' },
  'EH-05': { file: api, says: 'decisions come by REST: one ACCEPT wins, and every caller is answered' },
  'EH-06': { file: flows, says: 'never more run than there are slots; a freed one takes the oldest; fewer slots drain' },
  'EH-07': { file: flows, says: 'without an agent a process waits, says why, and stands in nobody’s way' },
  'EH-08': {
    file: api,
    says: 'a process goes from PENDING over RUNNING to FINISHED, with times, outcome, errors, data and flow',
  },
  'EH-09': {
    file: flows,
    says: 'nodes start when their inputs are done, a shared one runs once, branches side by side; a failure skips the rest',
  },
  'EH-09b': { file: flows, says: 'without failFast what does not depend on the failed node goes on' },
  'EH-09c': {
    file: flows,
    says: 'a node that may be tried again is, on another agent first; garbage and silence are failed tries',
  },
  'EH-10': { file: flows, says: 'a full agent makes nodes wait, doubled and unknown results change nothing and are counted' },
  'EH-11': {
    file: faults,
    says: 'an agent that is killed or stopped loses its work to another; one that comes back is live again',
  },
  'EH-12': {
    file: faults,
    says: 'the process of a dead or stopped dispatcher is taken over, done nodes not run again, until it is STALLED',
  },
  'EH-13': {
    file: reports,
    says: 'hub, dispatchers and agents report themselves; a process is a job whose progress shows while it runs',
  },
  'EH-14': { file: reports, says: 'every series of the hub is there, and a parser takes them' },
  'EH-15': {
    file: reports,
    says: 'what happened to a process stands in its log, with process, node, agent and dispatcher as fields',
  },
  'EH-16': { file: flows, says: 'a waiting process is deleted, a running one cancelled and its slot freed' },
  'EH-17': { file: 'src/hub/registry/consul/consul-registry.test.ts', says: 'registrySuite(' },
  'EH-18': { file: store, says: 'under the same client key is the same process; other content is refused' },
} as const satisfies Readonly<Record<string, Requirement>>

/** A test that is named by the promise that it holds. */
export function requirement(id: keyof typeof hubRequirements, run: () => Promise<void> | void, options: TestOptions = {}): void {
  test(`${id}: ${hubRequirements[id].says}`, options, run)
}
