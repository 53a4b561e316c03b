/** What clients submit, checked at the door. */
import type { IncomingHttpHeaders } from 'node:http'
import { type DMData, readData } from '../model/data.ts'
import { type Flow, readFlow } from '../model/flow.ts'
import { Part } from '../model/part.ts'

const clientKeyMax = 200

export type Start = { readonly data: DMData; readonly clientKey: string | undefined }

/** Body of `POST /hub/adhoc`: `{flow, data?, clientKey?}`. */
export function readAdhoc(body: unknown, headers: IncomingHttpHeaders): Start & { readonly flow: Flow } {
  const part = new Part(body, '', 'FLOW_INVALID')
  return {
    flow: readFlow(part.field('flow').value, 'flow'),
    data: dataOf(part.field('data')),
    clientKey: clientKeyOf(part, headers),
  }
}

/** Body of `POST /hub/flow/{key}/processes`: `{data, clientKey?}`, or the data alone. */
export function readStart(body: unknown, headers: IncomingHttpHeaders): Start {
  const part = new Part(body, '', 'FLOW_INVALID')
  const { value } = part.field('data')
  // The data of a table is a list, so an object here can only be a table itself.
  const isWrapped = (typeof value === 'object' && value !== null && !Array.isArray(value)) || !part.field('clientKey').isAbsent
  return {
    data: isWrapped ? dataOf(part.field('data')) : readData(part),
    clientKey: clientKeyOf(part, headers),
  }
}

function dataOf(part: Part): DMData {
  return part.isAbsent ? {} : readData(part)
}

function clientKeyOf(part: Part, headers: IncomingHttpHeaders): string | undefined {
  const inBody = part.field('clientKey')
  const header = headers['idempotency-key']
  const given = inBody.isAbsent ? new Part(header, 'Idempotency-Key', 'REQUEST_INVALID') : inBody
  const key = given.textOr(undefined, clientKeyMax)
  return key === '' ? given.refuse('must not be empty') : key
}
