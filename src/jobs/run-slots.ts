import { hashOf } from './keys.ts'
import type { TaskLabels } from './records.ts'

/** Runs of one kind that a shard remembers. A new one takes the place of any of them, so that old ones fade away. */
export const runSlots = 32

/** The shard was chosen by the low bits of a like hash: the place within it needs others. */
const hashShift = 11

/** The slot that a run is kept in: always the same for one run, so that keeping it twice changes nothing. */
export function runSlotOf(id: string): number {
  return (hashOf(id) >>> hashShift) % runSlots
}

/** Field of the hash of runs. */
export function runField({ taskType, engineType }: Pick<TaskLabels, 'taskType' | 'engineType'>, slot: number): string {
  return JSON.stringify([taskType, engineType, slot])
}
