/** Which bodies are taken. */
import { ScopeError } from '../errors.ts'
import { echo } from '../report/text.ts'

export type BodyFormat = 'json' | 'ndjson'

/**
 * The format that a `Content-Type` names: `application/json`, any `+json`, or `application/x-ndjson`; in UTF-8.
 * @throws ScopeError CONTENT_TYPE_UNSUPPORTED for any other, and for none.
 */
export function formatOf(contentType: string | undefined): BodyFormat {
  if (contentType === 'application/json') return 'json'
  if (contentType === undefined) throw new ScopeError('CONTENT_TYPE_UNSUPPORTED')
  const [type = '', ...parameters] = contentType.toLowerCase().split(';', 8)
  const format = formatOfType(type.trim())
  if (format === undefined || !parameters.every(isTakenParameter)) {
    throw new ScopeError(
      'CONTENT_TYPE_UNSUPPORTED',
      `The content type must be application/json or application/x-ndjson in UTF-8, not ${echo(contentType)}.`,
    )
  }
  return format
}

function formatOfType(type: string): BodyFormat | undefined {
  if (type === 'application/x-ndjson') return 'ndjson'
  const isJson = type === 'application/json' || (type.length > '+json'.length && type.includes('/') && type.endsWith('+json'))
  return isJson ? 'json' : undefined
}

function isTakenParameter(parameter: string): boolean {
  const [name = '', value = ''] = parameter.split('=', 2)
  if (name.trim() !== 'charset') return true
  const charset = value.trim().replace(/^"(.*)"$/, '$1')
  return charset === 'utf-8' || charset === 'utf8'
}
