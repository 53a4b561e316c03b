/** JSON Schemas of what the hub takes and answers. */
import {
  anything,
  count,
  errorSchema,
  flag,
  listOf,
  named,
  number,
  numberOrNull,
  orNull,
  ref,
  type Schema,
  text,
  textOrNull,
  texts,
  whole,
} from '../../http/schema-parts.ts'
import { nodeStatuses, outcomes, processStatuses } from '../model/process.ts'
import { livenessStates, memberKinds } from '../registry/member.ts'

const outcomeOrNull = { type: ['string', 'null'], enum: [...outcomes, null] }
const status = { type: 'string', enum: processStatuses }
const tables = { description: 'A table; or one by node, where several come last.', type: 'object' }

/** An object of which only some fields are always there. */
function partly(properties: Schema, required: readonly string[] = []): Schema {
  return { type: 'object', properties, ...(required.length === 0 ? {} : { required }) }
}

const algorithm = { ...named(['key', 'name', 'description', 'catalog'], text), tags: listOf(text) }
const work = { algKey: { ...text, description: 'Key of an algorithm.' }, model: anything }

const flowSchemas = {
  Table: partly({
    key: text,
    data: listOf(
      whole({ attribute: partly(named(['name', 'type', 'format', 'dataInfor'], text), ['name', 'type']), data: listOf(text) }),
    ),
  }),
  Flow: partly(
    {
      key: text,
      failFast: { ...flag, default: true },
      processers: {
        description: 'A chain as a list, a graph as an object by node.',
        oneOf: [
          listOf(partly({ id: text, ...work }, ['algKey'])),
          {
            type: 'object',
            additionalProperties: partly(
              { ...work, inputs: { ...listOf(text), description: 'Nodes, or `$input`, which is the default.' } },
              ['algKey'],
            ),
          },
        ],
      },
    },
    ['processers'],
  ),
  AdhocRequest: partly({ flow: ref('Flow'), data: ref('Table'), clientKey: text }, ['flow']),
  StartRequest: { anyOf: [partly({ data: ref('Table'), clientKey: text }), ref('Table')] },
  Submitted: whole({ key: text, status, algorithms: listOf(text) }),
}

const processSchemas = {
  QueueEntry: whole({
    key: text,
    status: { const: 'PENDING' },
    ...named(['createdAt', 'ageMs'], number),
    algorithms: listOf(text),
    denies: count,
  }),
  Process: whole(
    {
      key: text,
      flowKey: textOrNull,
      adhoc: flag,
      algorithms: listOf(text),
      createdAt: number,
      status,
      outcome: outcomeOrNull,
      ...named(['startedAt', 'finishedAt'], numberOrNull),
      attempt: { ...count, description: 'Dispatchers that began with it.' },
      dispatcher: textOrNull,
      fence: numberOrNull,
      progress: { ...number, description: 'Nodes done / all.' },
      nodes: {
        type: 'object',
        additionalProperties: whole({ status: { type: 'string', enum: nodeStatuses }, agent: textOrNull, attempt: count }),
      },
    },
    'Times in epoch milliseconds.',
  ),
  ProcessError: partly({ ...named(['node', 'agent', 'code', 'message'], text), attempt: count }, ['code', 'message']),
  ProcessLog: partly({ ts: number, ...named(['level', 'line', 'node', 'agent'], text) }, ['ts', 'level', 'line']),
  Result: whole({
    key: text,
    inputData: ref('Table'),
    outputData: orNull(tables),
    errors: listOf(ref('ProcessError')),
    warnings: listOf(text),
    logs: listOf(ref('ProcessLog')),
  }),
  CheckLog: whole({
    datetime: { ...text, format: 'date-time' },
    status: { type: 'string', enum: ['ACCEPT', 'DENY'] },
    ...named(['description', 'checkerKey'], text),
  }),
  CheckRequest: partly(
    {
      status: { type: 'string', enum: ['ACCEPT', 'DENY'] },
      checkerKey: { ...text, description: 'Id of the dispatcher.' },
      ...named(['description', 'reason'], text),
    },
    ['status', 'checkerKey'],
  ),
  UpdateRequest: partly(
    {
      checkerKey: text,
      fence: { ...count, minimum: 1 },
      lease: { ...flag, description: 'Renews the lease.' },
      nodes: {
        type: 'object',
        additionalProperties: partly(
          { status: { type: 'string', enum: nodeStatuses }, agent: textOrNull, attempt: count, output: ref('Table') },
          ['status'],
        ),
      },
      logs: listOf(partly({ ts: number, ...named(['level', 'line', 'node', 'agent'], text) }, ['ts', 'line'])),
      finish: partly(
        {
          outcome: { type: 'string', enum: outcomes },
          errors: listOf(partly({ ...named(['node', 'agent', 'code', 'message'], text), attempt: count })),
          warnings: listOf(text),
          outputData: tables,
        },
        ['outcome'],
      ),
    },
    ['checkerKey', 'fence'],
  ),
}

const memberSchemas = {
  Offer: whole({ ...algorithm, agents: whole(named(livenessStates, count)), capacity: count, running: count }),
  Member: partly(
    {
      kind: { type: 'string', enum: memberKinds },
      ...named(['id', 'incarnation', 'url', 'version'], text),
      algorithm: whole(algorithm),
      ...named(['capacity', 'slots', 'running'], count),
      state: { type: 'string', enum: [...livenessStates, 'quarantined'] },
    },
    ['kind', 'id', 'incarnation', 'url', 'version', 'running', 'state'],
  ),
  PrometheusTargets: listOf(whole({ targets: listOf(text), labels: texts })),
}

/** Every schema by name. */
export const hubSchemas: Readonly<Record<string, Schema>> = {
  ...flowSchemas,
  ...processSchemas,
  ...memberSchemas,
  Error: errorSchema,
}
