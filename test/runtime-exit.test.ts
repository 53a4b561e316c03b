import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from './support/eventually.ts'
import { type HttpClient, httpClient } from './support/http.ts'
import { type Program, startProgram } from './support/process.ts'

type Message = { messageId: string; message: { properties?: { programStatus: string }; status?: string } }

const started: Program[] = []
afterEach(async () => {
  for (const program of started.splice(0)) await program.stop(0)
})

/** Starts a run in a process of its own: a reporter `scope` that is fetched from, and `run`, its program. */
async function aRun(script: string, runtime = ''): Promise<{ program: Program; http: HttpClient }> {
  const source = `
    import { createReporter } from './dist/reporter/index.js'
    const scope = createReporter({
      mode: 'pull', engine: { engineType: 'test' }, runtime: { runtimeId: 'run-1', ${runtime} },
      settings: { firstReportMs: 20, exitFlushMs: 8_000 },
    })
    const run = scope.program({ application: 'etl', type: 'Workflow', program: 'daily', status: 'RUNNING' })
    console.log('at ' + await scope.runtime.listening)
    ${script}`
  const program = await startProgram(process.execPath, ['--input-type=module', '-e', source])
  started.push(program)
  const line = await program.waitForLine(/^at http/)
  return { program, http: httpClient(line.slice(3)) }
}

/** Fetches until a program status has come. @returns the task statuses that came up to then */
async function fetchUntil(http: HttpClient, status: string): Promise<(string | undefined)[]> {
  const offsets: Record<string, string | null> = { 'task.running': null, heartbeat: null, 'program.status': null }
  const seen: Message['message'][] = []
  const fetch = async () => {
    const topics = Object.fromEntries(Object.entries(offsets).map(([name, messageId]) => [name, { messageId, limit: 100 }]))
    const answer = await http.post('/v1/runtime/messages', { protocol: 1, topics })
    const body = answer.json<{ topics: Record<string, { messages: Message[] }> }>()
    for (const [name, { messages }] of Object.entries(body.topics)) {
      offsets[name] = messages.at(-1)?.messageId ?? offsets[name] ?? null
      seen.push(...messages.map(({ message }) => message))
    }
    return seen.some(({ properties }) => properties?.programStatus === status)
  }
  await eventually(fetch, undefined, { what: `the status ${status}` })
  await fetch()
  return seen.flatMap(({ status: word, properties }) => (properties === undefined && word !== undefined ? [word] : []))
}

describe('a run that is over', () => {
  test('stays up at its natural end until a monitor asks for the shutdown, then leaves with 0', async () => {
    const { program, http } = await aRun("void run.task({ execId: 'a' }).finish(); void run.finish()")
    expect(await fetchUntil(http, 'COMPLETED')).toEqual(['succeeded'])
    expect((await http.post('/v1/runtime/shutdown')).status).toBe(202)
    expect(await program.exited).toEqual({ code: 0, signal: null })
  })

  test('leaves by itself after its grace where nobody fetches', async () => {
    const { program } = await aRun('void run.finish()', 'settings: { endGraceMs: 100 }')
    expect(await program.exited).toEqual({ code: 0, signal: null })
  })

  test('is kept alive neither by its server nor by a connection that is open', async () => {
    const { program, http } = await aRun(
      'const poll = setInterval(() => scope.runtime.stats().fetches > 0 && clearInterval(poll), 10)',
      'settings: { endGraceMs: 100 }',
    )
    expect((await http.get('/v1/runtime/topics/logs/messages')).headers.get('connection')).toBe('keep-alive')
    expect(await program.exited).toEqual({ code: 0, signal: null })
  })
})

describe('a run that is ended', () => {
  test.each(['SIGTERM', 'kill'] as const)(
    'by %s tells its monitor that it and its tasks were, and leaves by the signal',
    async (how) => {
      const { program, http } = await aRun("run.task({ execId: 'a' }); setInterval(() => {}, 1000)")
      await fetchUntil(http, 'RUNNING')
      if (how === 'kill') expect((await http.post('/v1/runtime/kill')).status).toBe(202)
      else program.kill('SIGTERM')
      expect((await fetchUntil(http, 'KILLED')).at(-1)).toBe('cancelled')
      await http.post('/v1/runtime/shutdown')
      expect(await program.exited).toEqual({ code: null, signal: 'SIGTERM' })
    },
  )
})
