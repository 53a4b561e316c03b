/** What programs whose messages are fetched are promised, by number, and which test file holds each promise. */
import { type TestOptions, test } from 'vitest'

type Requirement = { readonly says: string; readonly file: string }

const faults = 'test/service/runtime-faults.test.ts'
const parity = 'test/service/runtime-parity.test.ts'
const replicas = 'test/service/runtime-replicas.test.ts'

export const monitorRequirements = {
  'CM-01': { file: faults, says: 'a runtime is asked from its registration on; removed, it is asked no more and its job stays' },
  'CM-02': { file: faults, says: 'every request names every topic, from the first message on, then from the last committed one' },
  'CM-03': { file: parity, says: 'messages leave the job, its lines and its series byte for byte as the same ones pushed do' },
  'CM-04': { file: faults, says: 'the statuses of a namespace are walked by next_offset, each once; 200, 204, 400' },
  'CM-05': { file: replicas, says: 'after kill -9 nothing is lost and no counter doubled' },
  'CM-06': { file: replicas, says: 'a commit that Redis does not take is done again with the same batch' },
  'CM-07': { file: faults, says: 'a full answer is followed by the next request at once' },
  'CM-08': { file: faults, says: 'an empty answer says that the runtime lives, and touches no job' },
  'CM-09': { file: faults, says: 'a topic that is not in the answer is counted, and the others are taken' },
  'CM-10': { file: faults, says: 'of an answer that is cut off every complete message is taken, the rest next time' },
  'CM-11': { file: faults, says: 'a step that cannot follow is refused and counted; the end is final' },
  'CM-12': { file: faults, says: 'the end of a child ends neither the run nor its monitor' },
  'CM-13': { file: faults, says: 'the end becomes visible last, after what came behind it' },
  'CM-14': { file: faults, says: 'after the end comes one shutdown; offsets, lease and series are gone' },
  'CM-15': { file: faults, says: 'a runtime that does not answer is unreachable, and heard again when it does' },
  'CM-16': { file: faults, says: 'a run whose process is known dead has failed, with the cause' },
  'CM-17': { file: faults, says: 'to stop is one kill; the end comes from the runtime' },
  'CM-18': {
    file: replicas,
    says: 'runtimes are shared evenly, and move within one lease when a monitor is killed or stands still',
  },
  'CM-19': { file: faults, says: 'a slow runtime does not delay the others' },
  'CM-20': { file: faults, says: 'how long ago and how far behind are series' },
  'CM-21': { file: replicas, says: 'the same report pushed and fetched is applied once' },
  'CM-22': { file: faults, says: 'a runtime writes only what is its own, and only allowed addresses are asked' },
  'CM-23': { file: faults, says: 'metadata, lineage and workflow token are put together; unknown kinds are kept as they are' },
} as const satisfies Record<string, Requirement>

export type MonitorRequirementId = keyof typeof monitorRequirements

/** A test that holds one requirement, named by its sentence. */
export function monitorRequirement(id: MonitorRequirementId, run: () => Promise<void>, options: TestOptions = {}): void {
  test(`${id}: ${monitorRequirements[id].says}`, options, run)
}
