import { anything, count, flag, listOf, named, number, numberOrNull, ref, text, textOrNull, whole } from '../http/schema-parts.ts'

const programRun = whole(named(['namespace', 'application', 'version', 'type', 'program', 'run'], text))

/** Runtimes that are fetched from, and the statuses of programs. */
export const runtimeSchemas = {
  RuntimeRegistration: {
    type: 'object',
    properties: {
      runtimeId: { ...text, description: 'Id of the run; its job has the same.' },
      namespace: { ...text, default: 'default' },
      url: { ...text, description: 'Base URL of the heartbeat handler.' },
      mode: { type: 'string', enum: ['batch', 'per-topic'], default: 'batch' },
      topics: {
        ...listOf(text),
        description:
          'Names; `name:N` = N partitions. Those of the protocol and of ENGINESCOPE_RUNTIME_TOPICS: by default all of them.',
      },
      engineType: { ...text, default: 'cdap' },
      token: { ...text, description: 'Bearer token for the runtime. Kept, and never shown again.' },
    },
    required: ['runtimeId', 'url'],
  },
  RuntimeProcess: {
    type: 'object',
    properties: { alive: { const: false }, exitCode: { type: 'integer' }, message: text },
    required: ['alive'],
  },
  Runtime: {
    type: 'object',
    properties: {
      ...named(['runtimeId', 'namespace', 'url', 'mode', 'engineType'], text),
      state: { type: 'string', enum: ['ACTIVE', 'FINISHING', 'UNREACHABLE', 'ENDED'] },
      ...named(['owner', 'epoch', 'problem', 'detail'], textOrNull),
      ...named(['leaseEpoch', 'lastPollAt', 'lastSuccessAt', 'endedAt'], numberOrNull),
      registeredAt: number,
      failures: count,
      stop: { type: ['object', 'null'], description: 'What came of the wish to stop it.' },
      process: { type: ['object', 'null'], description: 'The notice that its process is gone.' },
      topics: {
        type: 'object',
        additionalProperties: whole({ offset: textOrNull, latest: textOrNull, behind: count }),
      },
    },
    required: ['runtimeId', 'namespace', 'url', 'mode', 'state', 'topics'],
  },
  RuntimeList: whole({ runtimes: listOf(ref('Runtime')) }),
  RuntimeMessages: whole({
    messages: listOf({
      type: 'object',
      properties: { topic: text, messageId: anything, reason: text, text },
      required: ['topic', 'text'],
    }),
  }),
  ProgramStatuses: whole({
    namespace: text,
    start_offset: textOrNull,
    next_offset: text,
    more: flag,
    messages: listOf({
      type: 'object',
      properties: {
        offset: text,
        programRunId: programRun,
        status: ref('Status'),
        programStatus: text,
        time: number,
        error: { type: 'object', properties: { code: text, message: text } },
      },
      required: ['offset', 'programRunId', 'status', 'programStatus'],
    }),
  }),
}
