/** The learners of the examples as children of a test, and what an aggregator tells of their jobs. */
import type { Aggregator } from './aggregator.ts'
import { type Program, startProgram } from './process.ts'

/** Algorithm metrics as they were reported last; those of these tests are mostly numbers. */
export type LearnerMetrics = Readonly<Record<string, number>>

export type LearnerTask = {
  readonly execId: string
  readonly status: string
  readonly algorithmMetrics: LearnerMetrics
  readonly error: { readonly message?: string } | null
}

export type LearnerJob = { readonly status: string; readonly progress: number; readonly tasks: readonly LearnerTask[] }

/** Starts an example at low priority. @param example its folder, e.g. `joint-inference` */
export function startLearner(url: string, example: string, ...flags: readonly string[]): Promise<Program> {
  const command = ['-n', '5', process.execPath, `dist/examples/${example}/main.js`, ...flags]
  return startProgram('nice', command, { env: { ENGINESCOPE_URL: url } })
}

/** Kills one of its workers: the learner prints which process each is. @param worker e.g. `edge1` */
export async function killWorker(learner: Program, worker: string): Promise<void> {
  const line = await learner.waitForLine(new RegExp(`^${worker} is process`))
  process.kill(Number(line.split(' ').at(-1)), 'SIGKILL')
}

/** The job as the API has it. */
export async function learnerJob({ http }: Aggregator, jobId: string): Promise<LearnerJob> {
  return (await http.get(`/api/v1/namespaces/default/jobs/${jobId}?tasks=100`)).json<LearnerJob>()
}

/** Its tasks; none as long as nothing was reported. */
export async function learnerTasks(aggregator: Aggregator, jobId: string): Promise<readonly LearnerTask[]> {
  const { tasks } = (await learnerJob(aggregator, jobId)) as Partial<LearnerJob>
  return tasks ?? []
}

/** What a worker said last. */
export function metricsOf({ tasks }: LearnerJob, execId: string): LearnerMetrics {
  return tasks.find((task) => task.execId === execId)?.algorithmMetrics ?? {}
}

/** The log lines of a worker, the oldest first. */
export async function linesOf({ http }: Aggregator, jobId: string, worker: string): Promise<string[]> {
  const path = `/api/v1/namespaces/default/jobs/${jobId}/logs?limit=500&order=asc`
  const { lines } = (await http.get(path)).json<{ lines: { line: string; execId: string }[] }>()
  return lines.filter(({ execId }) => execId === worker).map(({ line }) => line)
}

/** The numbers that stand behind some words in some of the lines. */
export function numbersIn(lines: readonly string[], pattern: RegExp): number[] {
  return lines.flatMap((line) => pattern.exec(line)?.[1] ?? []).map(Number)
}
