/**
 * Records in their hash: a field with the JSON of the record as it was when more than its numbers changed last (its template), and one
 * with the numbers that every report moves since. Writing the whole of a record at each report was the dearest step of a commit.
 *
 * `t:<execId>` = `<name>\n<JSON>`, `n:<execId>` = `<name> 1,2,3`. Numbers of another name are not this template's: both fields are always
 * read and written together, except by who walks through a hash that is too large for one answer.
 */
import type { ExecRecord, JobRecord } from '../records.ts'
import { newToken } from './change.ts'
import { jobNumbers, putJobNumbers } from './job-numbers.ts'
import { putTaskNumbers, taskNumbers } from './task-numbers.ts'

/** Fields of a job's hash that hold its own record. */
export const jobFields = ['job', 'n'] as const

/** Fields of a job's hash that hold what is known of a task. */
export const execFields = (execId: string): readonly [template: string, numbers: string] => [`t:${execId}`, `n:${execId}`]

/** The field of the numbers beside a template's. */
export const numbersFieldOf = (templateField: string): string => `n${templateField.slice(1)}`

/** A record as it was last written in full. It must not be changed afterwards. */
export type Template<T> = { readonly name: string; readonly record: T }

/** What the two fields are set to; `template` undefined = as it stands there. */
export type Written<T> = { readonly template: Template<T>; readonly text: string | undefined; readonly numbers: string }

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
  return readRecord<ExecRecord>(text, numbers, (exec, texts) => {
    const task = onlyTask(exec)
    if (task !== undefined) putTaskNumbers(task, texts)
  })
}

/** What the fields of a job's own record say. @throws SyntaxError when they hold something else */
export function jobFrom([text, numbers]: readonly Field[]): JobRecord | undefined {
  return readRecord<JobRecord>(text, numbers, putJobNumbers)
}

function inFull<T>(record: T): Written<T> {
  const name = newToken()
  return { template: { name, record }, text: `${name}\n${JSON.stringify(record)}`, numbers: '' }
}

function overTemplate<T>(template: Template<T>, numbers: readonly number[]): Written<T> {
  return { template, text: undefined, numbers: `${template.name} ${numbers.join(',')}` }
}

function readRecord<T>(text: Field, numbers: Field, put: (record: T, texts: readonly string[]) => void): T | undefined {
  if (text === null || text === undefined) return undefined
  const end = text.indexOf('\n')
  const record = JSON.parse(text.slice(end + 1)) as T
  const [name, list] = numbers?.split(' ') ?? []
  if (list !== undefined && name === text.slice(0, end)) put(record, list.split(','))
  return record
}

/** The record of a task that one engine reports, as most are. */
function onlyTask({ current }: ExecRecord) {
  let only: ExecRecord['current'][string] | undefined
  for (const key in current) {
    if (only !== undefined) return undefined
    only = current[key]
  }
  return only
}
