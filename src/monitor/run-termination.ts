/** The end of a run whose process is gone and whose messages can no longer be fetched. */
import { ScopeError } from '../errors.ts'
import type { ParseReport } from '../report/parse.ts'
import type { Report } from '../report/report.ts'
import { positionOf } from './batch.ts'
import type { Fetched } from './fetcher.ts'
import { afterAll } from './message-id.ts'
import type { RunContext, StatusEntry } from './message-reader.ts'
import type { RuntimeRecord } from './runtime-record.ts'
import type { WatchDeps } from './watch-deps.ts'

const topic = 'program.status'

/** Why a run is taken to have failed: what its launcher said, or what is known without it. */
export function causeOf(record: RuntimeRecord | undefined, fetched: Fetched): string {
  const notice = record?.dead
  if (notice === undefined) return 'the runtime says that it has ended, and its end was not fetched'
  const code = notice.exitCode === undefined ? '' : ` with exit code ${notice.exitCode}`
  const message = notice.message === undefined ? '' : `: ${notice.message}`
  return `the process ended${code}${message}; the rest of its messages could not be fetched (${fetched.reason})`
}

/**
 * Notes the failure of a run, in its job and in the log of statuses of the namespace.
 * @throws ScopeError when there is no room for the job now
 */
export async function applyTermination(
  run: RunContext,
  cause: string,
  { apply, log, parse, nowMs }: Pick<WatchDeps, 'apply' | 'log' | 'parse' | 'nowMs'>,
): Promise<void> {
  const position = positionOf(9_999, afterAll(run.epoch === '' ? '0'.repeat(13) : run.epoch))
  const atMs = nowMs()
  const report = terminated(run, cause, position, atMs, parse)
  const [result] = await apply([report])
  if (result?.code === 'OPEN_JOBS_LIMIT') throw new ScopeError('OPEN_JOBS_LIMIT')
  if (result?.outcome !== 'applied' && result?.outcome !== 'duplicate') return
  await log.append(run.namespace, run.runtimeId, [{ topic, position, entry: entryOf(run, report, atMs) }])
}

/** The failure of a run whose process is gone. */
function terminated(run: RunContext, cause: string, position: string, nowMs: number, parse: ParseReport): Report {
  const type = run.program?.type.toLowerCase()
  const parsed = parse(
    {
      namespace: run.namespace,
      jobId: run.runtimeId,
      execId: run.runtimeId,
      scope: 'job',
      ...(type === undefined || type === '' ? {} : { taskType: type }),
      reportedAt: nowMs,
      status: 'failed',
      engine: { instance: run.runtimeId, engineType: run.engineType, ...(run.epoch === '' ? {} : { incarnation: run.epoch }) },
      error: { code: 'RUNTIME_TERMINATED', message: cause },
    },
    nowMs,
  )
  if (!parsed.isValid) throw new ScopeError('INTERNAL', parsed.rejection.message)
  const fetched = { runtimeId: run.runtimeId, log: topic, position, isNote: false, hasAttempt: true }
  return { ...parsed.report, fetched }
}

function entryOf(run: RunContext, report: Report, nowMs: number): StatusEntry {
  const { namespace, runtimeId } = run
  const unknown = { namespace, application: '', version: '', type: '', program: '', run: runtimeId }
  const message = report.error?.message
  return {
    programRunId: run.program ?? unknown,
    programStatus: 'FAILED',
    status: 'failed',
    time: nowMs,
    error: { code: 'RUNTIME_TERMINATED', ...(message === undefined ? {} : { message }) },
  }
}
