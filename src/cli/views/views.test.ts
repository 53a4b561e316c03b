import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { Command } from 'commander'
import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { type RedisServer, startRedis } from '../../../test/support/redis.ts'
import { aJob, aLogEntry, anEngine, aTask, storeEngine, storeJob } from '../../../test/support/stored-state.ts'
import { createApp } from '../../api/app.ts'
import { ScopeError } from '../../errors.ts'
import { keysFor } from '../../jobs/keys.ts'
import { createQueries } from '../../jobs/queries/queries.ts'
import { progressBar, span } from './format.ts'
import { registerViews } from './register.ts'
import { safeJson, safeLines, safeText } from './safe-text.ts'

const keys = keysFor(4)
let redisServer: RedisServer
let redis: Redis
let server: Server
let url: string
let isAway = false

beforeAll(async () => {
  redisServer = await startRedis()
  redis = redisServer.client()
  const app = createApp({
    version: '0',
    queries: createQueries(redis, keys),
    access: (request) => {
      if (isAway) throw new ScopeError('BUSY')
      if (request.headers.authorization !== 'Bearer secret') throw new ScopeError('TOKEN_INVALID')
      return { namespaces: '*' }
    },
    live: { open: () => undefined },
    readiness: () => ({ ready: true, reasons: [] }),
    deadLetters: {
      list: async () => ({ deadLetters: [] }),
      replay: async () => 0,
      drop: async () => 0,
    },
    reportJsonSchema: {},
    onFault: () => undefined,
  })
  server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await redisServer.stop()
})
beforeEach(async () => {
  isAway = false
  await redis.flushall()
})
afterEach(() => {
  process.exitCode = undefined
})

type Run = { readonly out: () => string; readonly err: () => string; readonly done: Promise<unknown> }

/** Starts `enginescope <args>` in this process. @param terminal whether the output says that it is one */
function start(args: readonly string[], env: Record<string, string> = {}, terminal?: { rows: number }): Run {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  if (terminal !== undefined) Object.assign(streams.stdout, { isTTY: true, ...terminal })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    streams[name].on('data', (part) => {
      texts[name] += String(part)
    })
  const program = new Command().exitOverride().configureOutput({ writeErr: (text) => streams.stderr.write(text) })
  registerViews(program, { env: { ENGINESCOPE_URL: url, ENGINESCOPE_TOKEN: 'secret', ...env }, ...streams })
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program)
  return { out: () => texts.stdout, err: () => texts.stderr, done: program.parseAsync(['node', 'enginescope', ...args]) }
}

async function run(args: readonly string[], env?: Record<string, string>, terminal?: { rows: number }) {
  const { out, err, done } = start(args, env, terminal)
  await done
  return { out: out(), err: err(), code: process.exitCode }
}

describe('jobs', () => {
  test('are a table with bars, and JSON when asked', async () => {
    await storeJob(redis, keys, aJob({ progress: 0.5 }))
    await storeJob(redis, keys, aJob({ namespace: 'lab', jobId: 'f', status: 'failed', error: { code: '40001' } }))
    const { out, code } = await run(['jobs'])
    expect(out).toMatch(/^NAMESPACE {2,}JOB/)
    expect(out).toMatch(/default +48213 +sql +node-07:38215 +running +████████░{8} {2}50% +1 +42s +42s/)
    expect(out).toMatch(/lab +f .*40001/)
    expect(out).not.toContain('\u001b')
    expect(code).toBe(0)
    const json = await run(['jobs', '--status', 'failed', '--output', 'json'])
    expect(JSON.parse(json.out)).toMatchObject({ jobs: [{ jobId: 'f' }], nextCursor: null })
  })

  test('are read page by page up to the limit', async () => {
    for (let i = 0; i < 12; i++) await storeJob(redis, keys, aJob({ jobId: `j${i}` }))
    expect(JSON.parse((await run(['jobs', '--limit', '7', '--output', 'json'])).out).jobs).toHaveLength(7)
  })

  test('one of them is shown at length with its tasks', async () => {
    const attributes = { queue: 'root.etl' }
    await storeJob(redis, keys, aJob({ jobId: 'node:1/17', attributes }), {
      tasks: [aTask({ jobId: 'node:1/17', usage: { memoryBytes: 2 ** 31 } })],
    })
    const { out, code } = await run(['jobs', 'node:1/17'])
    expect(out).toContain('default/node:1/17')
    expect(out).toMatch(/queue +root\.etl/)
    expect(out).toMatch(/spark-ec-48213 +1 +node-07:38215 +running .* 2\.0 GiB/)
    expect(code).toBe(0)
  })

  test('of which there are none leave standard output empty', async () => {
    expect(await run(['jobs'])).toEqual({ out: '', err: 'There are no such jobs.\n', code: 0 })
  })

  test('have colours on a terminal only, and not against NO_COLOR', async () => {
    await storeJob(redis, keys, aJob())
    expect((await run(['jobs'], {}, { rows: 20 })).out).toContain('\u001b[34mrunning\u001b[0m')
    expect((await run(['jobs'], { NO_COLOR: '1' }, { rows: 20 })).out).not.toContain('\u001b')
  })
})

test('engines are a table', async () => {
  await storeEngine(redis, keys, anEngine({ state: 'suspect', restarts: 2 }))
  const { out, code } = await run(['engines', '--state', 'suspect'])
  expect(out).toMatch(/node-07:38215 +spark +suspect +- +1 +0 +4 +11 +- +2 +node-07/)
  expect(code).toBe(0)
})

describe('logs', () => {
  const entries = Array.from({ length: 8 }, (_, i) => aLogEntry([`line ${i}`, `ERROR bad ${i}`]))

  test('are the last lines in order, or all, or only the grave ones', async () => {
    await storeJob(redis, keys, aJob(), { tail: entries })
    const lines = async (...args: string[]) => (await run(['logs', '48213', ...args])).out.trimEnd().split('\n')
    expect(await lines('--tail', '2')).toEqual([
      expect.stringMatching(/Z INFO {2}\[spark-ec-48213\] line 7$/),
      expect.stringMatching(/ERROR .* bad 7$/),
    ])
    expect(await lines('--tail', 'all')).toHaveLength(16)
    expect(await lines('--level', 'warn', '--tail', '3')).toHaveLength(3)
    expect(JSON.parse((await lines('--tail', '1', '--output', 'json'))[0] ?? '')).toMatchObject({ line: 'bad 7', level: 'ERROR' })
  })

  test('are followed, each line once, until the job has ended, though the aggregator is away in between', async () => {
    await storeJob(redis, keys, aJob(), { tail: entries.slice(0, 2) })
    const { out, err, done } = start(['logs', '-f', '48213', '--tail', '1'])
    await eventually(() => out().includes('bad 1'))
    isAway = true
    await eventually(() => err().includes('trying on'))
    isAway = false
    await storeJob(redis, keys, aJob({ status: 'succeeded', progress: 1 }), { tail: entries.slice(0, 5) })
    await done
    expect(out().match(/(line|bad) \d/g)).toEqual(['bad 1', 'line 2', 'bad 2', 'line 3', 'bad 3', 'line 4', 'bad 4'])
    expect(process.exitCode).toBe(0)
  })

  test('of a lost job are followed on, which is said once', async () => {
    await storeJob(redis, keys, aJob({ status: 'lost' }), { tail: entries.slice(0, 1) })
    const { err, done } = start(['logs', '-f', '48213'])
    await eventually(() => err().includes('the job is lost'))
    await storeJob(redis, keys, aJob({ status: 'failed' }), { tail: entries.slice(0, 1) })
    await done
    expect(err()).toBe('enginescope logs: the job is lost, its engine is silent; following in case it speaks again\n')
  })
})

describe('top', () => {
  test('is one picture where the output is no terminal', async () => {
    await storeJob(redis, keys, aJob())
    await storeJob(redis, keys, aJob({ jobId: 'done', status: 'succeeded' }))
    await storeEngine(redis, keys, anEngine())
    const { out, code } = await run(['top'])
    expect(out).toMatch(/jobs +1 open {2}1 running/)
    expect(out).toMatch(/engines +1 live/)
    expect(out).toContain('48213')
    expect(out).not.toContain('done')
    expect(code).toBe(0)
  })

  test('is drawn again and again on a terminal, and gives the cursor back at Ctrl-C', async () => {
    await storeJob(redis, keys, aJob())
    const { out, done } = start(['top', '--interval', '250ms'], {}, { rows: 20 })
    await eventually(() => out().split('\u001b[H').length > 2)
    process.emit('SIGINT')
    await done
    expect(out().endsWith('\u001b[?25h')).toBe(true)
  })
})

describe('a failure', () => {
  test.each([
    ['a job that is not there', ['logs', 'nothing'], {}, 1, 'there is no job nothing in the namespace default'],
    ['a wrong token', ['jobs'], { ENGINESCOPE_TOKEN: 'wrong' }, 1, 'TOKEN_INVALID'],
    ['a wrong argument', ['jobs', '--status', 'what'], {}, 2, 'REQUEST_INVALID'],
    ['an address that is none', ['jobs'], { ENGINESCOPE_URL: 'nowhere' }, 2, 'not an http'],
    ['nobody there', ['top'], { ENGINESCOPE_URL: 'http://127.0.0.1:1' }, 1, 'cannot be reached'],
  ])('%s', async (_what, args, env, code, message) => {
    const result = await run(args, env as Record<string, string>)
    expect(result).toMatchObject({ out: '', code })
    expect(result.err).toContain(message)
  })

  test.each([[['logs']], [['jobs', '--limit', '0']], [['logs', 'x', '--level', 'loud']], [['top', '--interval', '1ms']]])(
    'in the use of %j is said before anything is asked',
    async (args) => {
      await expect(run(args)).rejects.toMatchObject({ name: 'CommanderError' })
    },
  )
})

test('what others wrote cannot steer the terminal', async () => {
  const evil = 'a\u001b[2Jb\u001b]0;title\u0007c\rd\u009b31me\u202ef\ng'
  expect(safeLines(evil)).toBe('abcdef\ng')
  expect(safeText(evil)).toBe('abcdef g')
  expect(
    [...safeJson({ evil })].filter((character) => character < ' ' || character === '\u009b' || character === '\u202e'),
  ).toEqual([])
  expect(JSON.parse(safeJson({ evil }))).toEqual({ evil })
  await storeJob(redis, keys, aJob(), { tail: [aLogEntry([evil], { task: 'spark\u001b[31m' })] })
  expect((await run(['logs', '48213'])).out).not.toContain('\u001b')
})

test.each([
  [0, '░░░░'],
  [0.5, '██░░'],
  [0.53, '██▏░'],
  [1, '████'],
])('a bar of %d is %s', (ratio, bar) => expect(progressBar(ratio, 4)).toBe(bar))

test.each([
  [null, '-'],
  [45, '45s'],
  [192, '3m12s'],
  [7_500, '2h05m'],
  [273_600, '3d04h'],
])('a span of %d s is %s', (seconds, text) => expect(span(seconds)).toBe(text))
