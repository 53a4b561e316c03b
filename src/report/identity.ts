/** The check of what decides identity and order: the part of the schema that rejects, compiled. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import type { JsonObject } from './fields.ts'
import type { ReportLimits } from './limits.ts'
import type { Notes } from './notes.ts'
import { jsonSchemaOf, linkisMessageSchema, taskRunningInfoSchema } from './schema.ts'
import { echo } from './text.ts'

/** @returns whether the item can be told apart and put in order; else the reason is in `notes`. */
export type CheckIdentity = (item: JsonObject, notes: Notes) => boolean

/** Compiles the check for reports (`engine`) and for Linkis's own messages (`bare`). */
export function identityCheckOf(limits: ReportLimits, form: 'engine' | 'bare'): CheckIdentity {
  const schema = form === 'engine' ? taskRunningInfoSchema(limits) : linkisMessageSchema(limits)
  const validate = new Ajv2020({ strict: false, verbose: true }).compile(jsonSchemaOf(schema, 'compiled'))
  return (item, notes) => {
    if (validate(item)) return true
    const fault = firstFault(validate)
    notes.reject('REPORT_INVALID', pathOf(fault), messageOf(fault, limits))
    return false
  }
}

function firstFault(validate: ValidateFunction): ErrorObject {
  const [fault] = validate.errors ?? []
  if (fault === undefined) throw new Error('a validator that refused gave no error')
  return fault
}

function pathOf(fault: ErrorObject): string {
  const at = fault.instancePath.slice(1).replaceAll('/', '.')
  if (fault.keyword !== 'required') return at
  const missing = String(fault.params['missingProperty'])
  return at === '' ? missing : `${at}.${missing}`
}

function messageOf(fault: ErrorObject, limits: ReportLimits): string {
  const got = typeof fault.data === 'string' ? `, not ${echo(fault.data)}` : ''
  switch (fault.keyword) {
    case 'required':
      return 'is missing'
    case 'pattern':
      return `must be 1 to ${limits.idLengthMax} characters of A-Z a-z 0-9 . _ : @ / -${got}`
    case 'type':
      return `must be ${article(String([fault.params['type']].flat()[0]))}`
    case 'minimum':
      return `must be at least ${fault.params['limit']}`
    case 'maximum':
      return `must be at most ${fault.params['limit']}`
    case 'enum':
      return `must be one of ${allowedWords(fault).join(', ')}${got}`
    default:
      return String(fault.message)
  }
}

function allowedWords(fault: ErrorObject): readonly unknown[] {
  return (fault.params['allowedValues'] as readonly unknown[]).filter((word) => word !== null)
}

function article(type: string): string {
  return `${/^[aeio]/.test(type) ? 'an' : 'a'} ${type === 'integer' ? 'integer of at most 2^53 - 1' : type}`
}
