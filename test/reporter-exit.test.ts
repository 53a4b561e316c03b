import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startProgram } from './support/process.ts'
import { type ProgrammableAggregator, programmableAggregator, until } from './support/programmable-aggregator.ts'

let server: ProgrammableAggregator

beforeEach(async () => {
  server = await programmableAggregator()
})

afterEach(() => server.close())

/** Starts an engine: a process of its own with a reporter `scope` and a task `task`. */
function anEngine(script: string, options = '') {
  const source = `
    import { createReporter } from './dist/reporter/index.js'
    const scope = createReporter({
      url: '${server.url}', engine: { engineType: 'test' },
      settings: { firstReportMs: 50, reportIntervalMs: 60_000, retryBaseMs: 20, retryMaxMs: 100, exitFlushMs: 500 },
      ${options}
    })
    const task = scope.task({ jobId: 'j1' })
    ${script}`
  return startProgram(process.execPath, ['--input-type=module', '-e', source])
}

const away = `url: 'http://127.0.0.1:9', onProblem: () => {},`
const stay = 'setInterval(() => {}, 1000)'
const statuses = () => server.reports().flatMap((report) => (report.jobId === undefined ? [] : [report.status]))

describe('a signal', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s ends the engine as it would, after its tasks were reported cancelled',
    async (signal) => {
      const engine = await anEngine(`task.log('INFO', 'unsent'); ${stay}`)
      await until(() => statuses().length > 0, 'the first report')
      engine.kill(signal)
      expect(await engine.exited).toEqual({ code: null, signal })
      expect(server.reports().at(-1)).toMatchObject({
        status: 'cancelled',
        error: { code: `SIGNAL_${signal}` },
        engine: { status: 'ShuttingDown' },
      })
    },
  )

  test('leaves tasks as they are where the author wants that, but says what was not said', async () => {
    const engine = await anEngine(`${stay}; console.log('up')`, "onSignal: 'leave',")
    await engine.waitForLine(/up/)
    engine.kill('SIGTERM')
    expect(await engine.exited).toEqual({ code: null, signal: 'SIGTERM' })
    expect(new Set(statuses())).toEqual(new Set(['running']))
  })

  test('that the engine handles itself is left to it', async () => {
    const engine = await anEngine(`
      process.on('SIGTERM', async () => { await task.finish('succeeded'); await scope.close(); process.exit(9) })
      ${stay}; console.log('up')`)
    await engine.waitForLine(/up/)
    engine.kill('SIGTERM')
    expect(await engine.exited).toEqual({ code: 9, signal: null })
    expect(statuses()).toContain('succeeded')
    expect(statuses()).not.toContain('cancelled')
  })

  test('ends the engine in bounded time when the aggregator is away', async () => {
    const engine = await anEngine(`${stay}; console.log('up')`, away)
    await engine.waitForLine(/up/)
    const begunMs = performance.now()
    engine.kill('SIGTERM')
    expect(await engine.exited).toEqual({ code: null, signal: 'SIGTERM' })
    expect(performance.now() - begunMs).toBeLessThan(2_500)
  })

  test('that comes twice ends the engine at once', async () => {
    server.answer = () => new Promise(() => {})
    const engine = await anEngine(`${stay}; console.log('up')`, 'settings: { exitFlushMs: 20_000 },')
    await engine.waitForLine(/up/)
    engine.kill('SIGINT')
    await until(() => server.requests.length > 0, 'the flush to be under way')
    engine.kill('SIGINT')
    expect(await engine.exited).toEqual({ code: null, signal: 'SIGINT' })
  })

  test('does nothing here where the author handles the end of the process', async () => {
    const engine = await anEngine(`${stay}; console.log('up', process.listenerCount('SIGTERM'))`, 'handleExit: false,')
    await engine.waitForLine(/up 0/)
    engine.kill('SIGTERM')
    expect(await engine.exited).toEqual({ code: null, signal: 'SIGTERM' })
    expect(statuses()).not.toContain('cancelled')
  })
})

describe('an engine that has nothing left to do', () => {
  test('ends by itself: an open reporter does not hold it, and what was not said is said', async () => {
    const begunMs = performance.now()
    const engine = await anEngine(`task.update({ progress: 0.5 }); task.log('INFO', 'last')`)
    expect(await engine.exited).toEqual({ code: 0, signal: null })
    expect(performance.now() - begunMs).toBeLessThan(3_000)
    expect(server.reports()[0]).toMatchObject({ status: 'running', progress: 0.5, logs: [{ line: 'last' }] })
  })

  test('waits for the end of its task, also when nobody awaits it', async () => {
    server.answer = (_, index) => (index < 5 ? { status: 503 } : undefined)
    const engine = await anEngine(`void task.finish()`, 'onProblem: () => {},')
    expect(await engine.exited).toEqual({ code: 0, signal: null })
    expect(server.requests.length).toBe(6)
    expect(statuses().at(-1)).toBe('succeeded')
  })

  test('is held for a bounded time when the aggregator is away', async () => {
    const begunMs = performance.now()
    const engine = await anEngine(`task.update({ progress: 0.5 })`, `url: 'http://127.0.0.1:9',`)
    expect(await engine.exited).toEqual({ code: 0, signal: null })
    expect(performance.now() - begunMs).toBeLessThan(3_000)
    expect(engine.stderr()).toContain('EnginescopeWarning')
  })
})
