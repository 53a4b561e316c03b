/** Brings a batch into the store: state and log lines first, the offset after, so that the offset is never ahead. */
import { ScopeError } from '../errors.ts'
import type { Report, ReportResult } from '../report/report.ts'
import { addCount, type Batch, type Step } from './batch.ts'
import type { PlacedEntry } from './program-log.ts'

export type Apply = (reports: readonly Report[]) => Promise<readonly ReportResult[]>

/** What the application of a batch has told. */
export type Applied = {
  /** As {@link Batch.counts}, what the batch knew before included: all messages that the store does not count itself. */
  readonly counts: ReadonlyMap<string, number>
  /** Statuses for the log of the namespace. */
  readonly entries: readonly PlacedEntry[]
  readonly refused: Batch['refused']
}

const reportsAtOnce = 500

/**
 * Applies the reports of a batch, in its order.
 * @param more reports of the monitor's own, which no message stands for
 * @param mayGoOn asked before each part: a lease that has run out must not be written under
 * @throws ScopeError when it is not known what became of them, or there is no room for the job now: the same batch may come again
 */
export async function applyBatch(
  batch: Pick<Batch, 'steps' | 'counts' | 'refused' | 'results'>,
  more: readonly Report[],
  apply: Apply,
  mayGoOn: () => boolean,
): Promise<Applied> {
  const outcome: Outcome = { counts: new Map(batch.counts), entries: [], refused: [...batch.refused] }
  for (let at = 0; at < batch.steps.length; at += reportsAtOnce) {
    if (!mayGoOn()) throw new ScopeError('BUSY', 'the lease of the runtime has run out')
    const steps = batch.steps.slice(at, at + reportsAtOnce)
    const results = await apply(steps.map(({ report }) => report))
    for (const [i, step] of steps.entries()) {
      const result = firstResult(results[i], batch.results[at + i])
      batch.results[at + i] = result
      note(step, result, outcome)
    }
  }
  if (more.length > 0) await apply(more)
  return outcome
}

type Outcome = {
  readonly counts: Map<string, number>
  readonly entries: PlacedEntry[]
  readonly refused: Batch['refused']
}

/** Applied a second time, because the commit after the first was not answered, a report is a duplicate of itself. */
function firstResult(result: ReportResult | undefined, before: ReportResult | undefined): ReportResult {
  if (result === undefined) throw new Error('a report has no result')
  return result.outcome === 'duplicate' && before !== undefined ? before : result
}

function note(step: Step, result: ReportResult, { counts, entries, refused }: Outcome): void {
  if (result.code === 'OPEN_JOBS_LIMIT') throw new ScopeError('OPEN_JOBS_LIMIT')
  const { topic, messages, entry, position, report } = step
  // What a job has taken from the log, or knew of, the store has counted with it.
  if (report.fetched === undefined || result.outcome === 'rejected')
    addCount(counts, topic, result.code === 'RUNTIME_FOREIGN' ? 'foreign' : result.outcome, messages)
  if (result.outcome === 'rejected') {
    const reason = `${result.code ?? ''} ${result.message ?? ''}`.trim()
    refused.push({ topic, messageId: position.slice(position.indexOf('.') + 1), reason, text: '' })
  } else if (entry !== undefined && result.outcome !== 'closed') entries.push({ topic, position, entry })
}
