import { idsOfJobName, jobName, type Keys } from '../keys.ts'
import type { JobRecord } from '../records.ts'
import { RunHistory } from '../run-history.ts'
import { jobFields, jobFrom } from '../store/record-text.ts'
import { badCursor, cursorOf, cursorParts } from './cursor.ts'
import { openTasksOf } from './engine-list.ts'
import { type JobFilter, matches, mayMatch, wantsOpenOnly } from './job-filter.ts'
import { type Candidate, JobScan, type Place } from './job-scan.ts'
import { type JobSummary, jobSummary } from './job-view.ts'
import { type RedisReader, readByShard } from './read.ts'

export type JobPage = {
  readonly jobs: readonly JobSummary[]
  /** Where to go on; null only when there is certainly nothing further. A page may be short, even empty, and still have one. */
  readonly nextCursor: string | null
}

/** How far one request looks before it hands out what it has found. */
export type ScanLimits = { readonly recordsMax: number; readonly membersMax: number }

const defaultLimits: ScanLimits = { recordsMax: 5_000, membersMax: 50_000 }
type Found = { readonly candidate: Candidate; readonly record: JobRecord }

const batchMin = 32
const batchMax = 500
const cursorKind = 'jobs'

/** Jobs that match, newest first arrival first, over all shards. The cursor stands still however many jobs are added. */
export async function readJobs(
  redis: RedisReader,
  keys: Keys,
  filter: JobFilter,
  page: { readonly limit: number; readonly cursor?: string | undefined },
  limits: ScanLimits = defaultLimits,
  runs: RunHistory = new RunHistory(redis, keys),
): Promise<JobPage> {
  const scan = new JobScan(redis, keys, wantsOpenOnly(filter) ? 'openJobs' : 'jobs', placeOf(page.cursor))
  const onEngine = filter.engine === undefined ? new Set<string>() : await jobsOnEngine(redis, keys, filter.engine)
  const jobs: JobSummary[] = []
  let last: Candidate | undefined
  let membersSeen = 0
  let recordsSeen = 0
  while (membersSeen < limits.membersMax && recordsSeen < limits.recordsMax) {
    const room = Math.min(batchMax, limits.membersMax - membersSeen, limits.recordsMax - recordsSeen)
    const batch = await scan.next(Math.min(room, Math.max(page.limit - jobs.length, batchMin)))
    if (batch.length === 0) return { jobs, nextCursor: null }
    const candidates = batch.filter((candidate) => mayMatch(filter, candidate.member))
    const found = (await recordsOf(redis, keys, candidates)).filter(({ record }) => matches(filter, record, onEngine))
    const taken = found.slice(0, page.limit - jobs.length)
    await runs.readAll(taken.map(({ record }) => record))
    jobs.push(...taken.map(({ record }) => jobSummary(record, runs.known)))
    if (jobs.length === page.limit) {
      const isAll = taken.length === found.length && scan.isExhausted
      return { jobs, nextCursor: isAll ? null : nextCursor(taken.at(-1)?.candidate) }
    }
    last = batch.at(-1)
    membersSeen += batch.length
    recordsSeen += candidates.length
  }
  return { jobs, nextCursor: nextCursor(last) }
}

function nextCursor(last: Candidate | undefined): string | null {
  return last === undefined ? null : cursorOf(cursorKind, last.score, last.member)
}

function placeOf(cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined
  const [score, member] = cursorParts(cursorKind, cursor) ?? []
  if (typeof score !== 'number' || typeof member !== 'string') throw badCursor()
  return { score, member }
}

/** Candidates with their records. A job may have gone meanwhile: then it is left out. */
async function recordsOf(redis: RedisReader, keys: Keys, candidates: readonly Candidate[]): Promise<Found[]> {
  const shardOf = (candidate: Candidate) => candidate.shard
  const answers = await readByShard(redis, candidates, shardOf, ({ member }, shard) => [
    'hmget',
    jobKey(keys, shard, member),
    ...jobFields,
  ])
  return candidates.flatMap((candidate, i) => {
    const record = jobFrom(answers[i] as string[])
    return record === undefined ? [] : [{ candidate, record }]
  })
}

function jobKey(keys: Keys, shard: number, member: string): string {
  const { namespace, jobId } = idsOfJobName(member)
  return keys.job(shard, namespace, jobId)
}

async function jobsOnEngine(redis: RedisReader, keys: Keys, instance: string): Promise<Set<string>> {
  const tasks = await openTasksOf(redis, keys, instance)
  return new Set(tasks.map((task) => jobName(task.namespace, task.jobId)))
}
