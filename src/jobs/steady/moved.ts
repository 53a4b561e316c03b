/** Events of records whose numbers have moved: the record itself is made when somebody looks at it, as few do. */
import type { JobRecord, ScopeEvent } from '../records.ts'
import { withJobNumbers } from './job-numbers.ts'
import type { SteadyTask } from './steady-task.ts'
import { withTaskNumbers } from './task-numbers.ts'

class Moved<Kind extends 'task' | 'job', Of> {
  readonly kind: Kind
  readonly still: Of
  readonly reference?: string
  readonly #numbers: readonly number[]
  readonly #make: (still: Of, numbers: readonly number[]) => Of
  #record: Of | undefined

  constructor(
    kind: Kind,
    still: Of,
    numbers: readonly number[],
    make: (still: Of, numbers: readonly number[]) => Of,
    reference?: string,
  ) {
    this.kind = kind
    this.still = still
    if (reference !== undefined) this.reference = reference
    this.#numbers = numbers
    this.#make = make
  }

  get record(): Of {
    this.#record ??= this.#make(this.still, this.#numbers)
    return this.#record
  }
}

export const movedTask = ({ still, reference }: SteadyTask, numbers: readonly number[]): ScopeEvent =>
  new Moved('task', still, numbers, withTaskNumbers, reference)

export const movedJob = (still: JobRecord, numbers: readonly number[]): ScopeEvent =>
  new Moved('job', still, numbers, withJobNumbers)
