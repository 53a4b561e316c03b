/**
 * Records in their hash: a field with the JSON of the record as it was when more than its numbers changed last (its template), and one
 * with the numbers that every report moves since. Writing the whole of a record at each report was the dearest step of a commit.
 *
 * `t:<execId>` = `<name>\n<JSON>`, `n:<execId>` = `<name> <numbers>`. Numbers of another name are not this template's: both fields are always
 * read and written together, except by who walks through a hash that is too large for one answer.
 */
import type { ExecRecord, JobRecord, TaskRecord } from '../records.ts'
import { jobNumbers, withJobNumbers } from '../steady/job-numbers.ts'
import { taskNumbers, withTaskNumbers } from '../steady/task-numbers.ts'
import { newToken } from './change.ts'
import { packed, unpacked } from './packed-numbers.ts'

/** Fields of a job's hash that hold its own record. */
export const jobFields = ['job', 'n'] as const

/** Fields of a job's hash that hold what is known of a task. */
export const execFields = (execId: string): readonly [template: string, numbers: string] => [`t:${execId}`, numbersField(execId)]

export const numbersField = (execId: string): string => `n:${execId}`

/** The field of the numbers beside a template's. */
export const numbersFieldOf = (templateField: string): string => `n${templateField.slice(1)}`

/** A record as it was last written in full. It must not be changed afterwards. */
export type Template<T> = { readonly name: string; readonly record: T }

/** What the two fields are set to; `text` undefined = the template as it stands there. No numbers = the record is its template. */
export type Written<T> = {
  readonly template: Template<T>
  readonly text: string | undefined
  readonly numbers: readonly number[]
}

/** Text of the field of numbers. */
export const numbersText = (template: Template<unknown>, numbers: readonly number[]): string =>
  numbers.length === 0 ? '' : `${template.name} ${packed(numbers)}`

/** Writes what is known of a task. A task of several engines is written in full. */
export function writeExec(exec: ExecRecord, template: Template<ExecRecord> | undefined): Written<ExecRecord> {
  if (template === undefined || template.record.carried !== exec.carried || template.record.attempt !== exec.attempt)
    return inFull(exec)
  const [before, after] = [onlyTask(template.record), onlyTask(exec)]
  const numbers = before === undefined || after === undefined ? undefined : taskNumbers(before, after)
  return numbers === undefined ? inFull(exec) : overTemplate(template, numbers)
}

/** Writes a job's own record. */
export function writeJob(job: JobRecord, template: Template<JobRecord> | undefined): Written<JobRecord> {
  const numbers = template === undefined ? undefined : jobNumbers(template.record, job)
  return template === undefined || numbers === undefined ? inFull(job) : overTemplate(template, numbers)
}

/** A text that Redis may have, as its client gives it. */
type Field = string | null | undefined

/** What the fields of a task say. @throws SyntaxError when they hold something else */
export function execFrom([text, numbers]: readonly Field[]): ExecRecord | undefined {
  return readRecord<ExecRecord>(text, numbers, (exec, list) => {
    const task = onlyTask(exec)
    return task === undefined ? exec : withOnlyTask(exec, withTaskNumbers(task, list))
  })
}

/** What the fields of a job's own record say. @throws SyntaxError when they hold something else */
export function jobFrom([text, numbers]: readonly Field[]): JobRecord | undefined {
  return readRecord<JobRecord>(text, numbers, withJobNumbers)
}

function inFull<T>(record: T): Written<T> {
  const name = newToken()
  return { template: { name, record }, text: `${name}\n${JSON.stringify(record)}`, numbers: [] }
}

function overTemplate<T>(template: Template<T>, numbers: readonly number[]): Written<T> {
  return { template, text: undefined, numbers }
}

function readRecord<T>(text: Field, numbers: Field, put: (record: T, numbers: readonly number[]) => T): T | undefined {
  if (text === null || text === undefined) return undefined
  const end = text.indexOf('\n')
  const record = JSON.parse(text.slice(end + 1)) as T
  const [name, list] = numbers?.split(' ') ?? []
  return list !== undefined && name === text.slice(0, end) ? put(record, unpacked(list)) : record
}

/** The record of a task that one engine reports, as most are. */
export function onlyTask({ current }: ExecRecord): TaskRecord | undefined {
  let only: TaskRecord | undefined
  for (const key in current) {
    if (only !== undefined) return undefined
    only = current[key]
  }
  return only
}

/** The same with another record of its only task. */
export function withOnlyTask(exec: ExecRecord, task: TaskRecord): ExecRecord {
  const [key = ''] = Object.keys(exec.current)
  return { ...exec, current: { [key]: task } }
}
