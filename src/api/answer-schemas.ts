import { count, cursor, errorSchema, listOf, named, number, ref, text, texts, whole } from '../http/schema-parts.ts'

/** What reports, dead letters and requests that failed are answered with. */
export const answerSchemas = {
  DeadLetter: {
    type: 'object',
    properties: {
      id: text,
      reason: { ...text, description: "Loki's words." },
      bytes: count,
      ...named(['firstSeen', 'lastSeen', 'ts'], { type: 'string', format: 'date-time' }),
      ...named(['namespace', 'jobId', 'task', 'engine', 'level'], text),
      line: { ...text, description: 'The line, or the text that could not be read.' },
      fields: texts,
    },
    required: ['id', 'reason', 'bytes', 'firstSeen', 'lastSeen', 'line'],
  },
  DeadLetterPage: whole({ deadLetters: listOf(ref('DeadLetter')), nextCursor: cursor }),
  Replayed: whole({ replayed: count }),
  Deleted: whole({ deleted: count }),
  Error: errorSchema,
  ReportAnswer: whole({
    ...named(['applied', 'late', 'duplicate', 'stale', 'closed', 'rejected'], count),
    results: listOf({
      type: 'object',
      properties: {
        index: count,
        outcome: { type: 'string', enum: ['applied', 'late', 'duplicate', 'stale', 'closed', 'rejected'] },
        ...named(['code', 'path', 'message'], text),
        missing: listOf(listOf(number)),
      },
      required: ['index', 'outcome'],
    }),
  }),
}
