import { Part } from './part.ts'

/** A dispatcher's decision on a process that waits. */
export type CheckLog = {
  /** RFC 3339, as upstream has it. */
  readonly datetime: string
  readonly status: 'ACCEPT' | 'DENY'
  readonly description: string
  readonly checkerKey: string
}

const descriptionMax = 1_000

/** Checks the body of a decision. @throws ScopeError REQUEST_INVALID */
export function readCheck(value: unknown): Omit<CheckLog, 'datetime'> {
  const part = new Part(value, '', 'REQUEST_INVALID')
  return {
    status: part.field('status').oneOf(['ACCEPT', 'DENY']),
    description: part.field('description').textOr('', descriptionMax),
    checkerKey: part.field('checkerKey').id('the id of a dispatcher'),
  }
}
