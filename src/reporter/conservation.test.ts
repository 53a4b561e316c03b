import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  applied,
  type ProgrammedAnswer,
  programmableAggregator,
  type SeenReport,
  type SeenRequest,
} from '../../test/support/programmable-aggregator.ts'
import { createReporter } from './index.ts'

const faults = ['none', 'none', 'cut before', 'cut after', '503', 'lines refused', 'rolled back'] as const
type Fault = (typeof faults)[number]

/** The aggregator as the contract has it, in a few lines: each number once, lines refused or taken, gaps named. */
function model() {
  let seen = new Map<string, Set<number>>()
  let backup = new Map<string, Set<number>>()
  const lines: string[] = []
  const ends: string[] = []
  const take = (report: SeenReport, index: number, refuses: boolean): Record<string, unknown>[] => {
    const key = `${report.jobId}`
    const numbers = seen.get(key) ?? new Set<number>()
    const seq = report.seq ?? 0
    seen.set(key, numbers)
    if (numbers.has(seq)) return [{ index, outcome: 'duplicate' }]
    numbers.add(seq)
    if (report.status === 'succeeded' || report.status === 'failed') ends.push(key)
    const count = report.logs?.length ?? 0
    const missing = Array.from({ length: seq }, (_, i) => i + 1).flatMap((n) => (numbers.has(n) ? [] : [[n, n]]))
    const gaps = missing.length === 0 ? {} : { missing }
    if (refuses && count > 0)
      return [{ index, outcome: 'applied', code: 'LOGS_REFUSED', logLinesRefused: count, retryAfterSeconds: 0, ...gaps }]
    for (const { line } of report.logs ?? []) lines.push(line)
    return missing.length === 0 ? [] : [{ index, outcome: 'applied', ...gaps }]
  }
  const answer = ({ reports }: SeenRequest, fault: Fault): ProgrammedAnswer => {
    if (fault === 'cut before') return 'cut'
    if (fault === '503') return { status: 503 }
    // The lines stay stored, as in the log store; only what is known of numbers goes back.
    if (fault === 'rolled back') seen = new Map([...backup].map(([key, numbers]) => [key, new Set(numbers)]))
    else backup = new Map([...seen].map(([key, numbers]) => [key, new Set(numbers)]))
    const results = reports.flatMap((report, index) => take(report, index, fault === 'lines refused'))
    return fault === 'cut after' ? 'cut' : applied(reports.length, results)
  }
  return { lines, ends, answer }
}

test('whatever happens on the way, every line and every end arrives; without a rolled-back store exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...faults), { minLength: 5, maxLength: 30 }),
      fc.integer({ min: 1, max: 4 }),
      async (plan, tasks) => {
        const server = await programmableAggregator()
        const { lines, ends, answer } = model()
        server.answer = (request, index) => answer(request, plan[index] ?? 'none')
        const scope = createReporter({
          url: server.url,
          engine: { engineType: 'test' },
          handleExit: false,
          onProblem: () => {},
          settings: { firstReportMs: 2, reportIntervalMs: 4, heartbeatMs: 0, retryBaseMs: 1, retryMaxMs: 3, repeatFinalMs: 3 },
        })
        const logged: string[] = []
        const jobs = Array.from({ length: tasks }, async (_, number) => {
          const task = scope.task({ jobId: `j${number}` })
          for (let i = 0; i < 12; i++) {
            logged.push(`${number}/${i}`)
            task.log('INFO', `${number}/${i}`)
            task.update({ progress: i / 12 })
            if (i % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 3))
          }
          return task.finish()
        })
        const deliveries = await Promise.all(jobs)
        expect(await scope.close()).toBe(true)
        await server.close()
        expect(deliveries.every(({ delivered }) => delivered)).toBe(true)
        expect(new Set(lines)).toEqual(new Set(logged))
        expect(new Set(ends).size).toBe(tasks)
        if (!plan.includes('rolled back')) expect(lines).toHaveLength(logged.length)
        expect(scope.stats()).toMatchObject({ tasks: 0, queued: 0, dropped: 0, logLinesDropped: 0 })
      },
    ),
    { numRuns: 60 },
  )
})
