import { PassThrough, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ProgrammableAggregator, programmableAggregator, until } from '../../../test/support/programmable-aggregator.ts'
import { percentFinder } from './progress-finder.ts'
import { type RunIo, type RunOptions, runCommand } from './run-command.ts'

let server: ProgrammableAggregator

beforeEach(async () => {
  server = await programmableAggregator()
})

afterEach(() => server.close())

type Ran = { readonly code: number; readonly stdout: Buffer; readonly stderr: string }

const handlers = new Map<NodeJS.Signals, Set<() => void>>()

function send(signal: NodeJS.Signals): void {
  for (const handler of handlers.get(signal) ?? []) handler()
}

function onSignal(signal: NodeJS.Signals, handler: () => void): () => void {
  const all = handlers.get(signal) ?? new Set()
  handlers.set(signal, all.add(handler))
  return () => all.delete(handler)
}

function optionsOf(command: readonly string[], options: Partial<RunOptions>): RunOptions {
  return {
    command,
    env: process.env,
    url: server.url,
    taskType: 'command',
    jobId: 'job-1',
    attributes: {},
    killAfterMs: 300,
    waitMs: 2_000,
    capturesOutput: true,
    isQuiet: false,
    isVerbose: false,
    settings: { firstReportMs: 20, reportIntervalMs: 100, retryBaseMs: 5, retryMaxMs: 50 },
    ...options,
  }
}

async function run(command: readonly string[], options: Partial<RunOptions> = {}, io: Partial<RunIo> = {}): Promise<Ran> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const both = Promise.all([buffer(stdout), buffer(stderr)])
  const code = await runCommand(optionsOf(command, options), { stdout, stderr, onSignal, ...io })
  stdout.end()
  stderr.end()
  const [out, err] = await both
  return { code, stdout: out, stderr: err.toString() }
}

const sh = (script: string) => ['bash', '-c', script]
const last = () => server.reports().findLast((report) => report.jobId === 'job-1')
const lines = () => server.reports().flatMap((report) => report.logs ?? [])

describe('a wrapped command', () => {
  test('that succeeds is a task that succeeded, with its output as log lines', async () => {
    const { code, stdout, stderr } = await run(sh('echo one; echo "ERROR two" >&2; printf three'), { attributes: { team: 'a' } })
    expect({ code, stdout: stdout.toString(), stderr }).toEqual({ code: 0, stdout: 'one\nthree', stderr: 'ERROR two\n' })
    const final = server.reports().find((report) => report.status === 'succeeded')
    expect(final).toMatchObject({
      jobId: 'job-1',
      taskType: 'command',
      attributes: { command: 'bash', team: 'a', exitCode: '0' },
      engine: { engineType: 'command' },
    })
    expect(final?.error).toBeUndefined()
    const seen = lines().map(({ level, line, fields }) => `${level} ${line} ${fields?.['stream']}`)
    expect(seen.toSorted()).toEqual(['ERROR ERROR two stderr', 'INFO one stdout', 'INFO three stdout'])
  })

  test('that fails gives its exit code, and its last words are the error', async () => {
    const { code } = await run(sh('echo fine; echo "cannot open x" >&2; exit 7'))
    expect(code).toBe(7)
    expect(last()).toMatchObject({ status: 'failed', error: { code: 'EXIT_7', message: 'cannot open x' } })
  })

  test('that is killed gives 128 + n', async () => {
    expect((await run(sh('kill -KILL $$'))).code).toBe(137)
    expect(last()).toMatchObject({ status: 'failed', error: { code: 'SIGNAL_SIGKILL' } })
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('is sent %s and is then cancelled', async (signal) => {
    const ran = run(sh('echo up; exec sleep 30'))
    await until(() => lines().length > 0, 'the command to be up')
    send(signal)
    expect((await ran).code).toBe(signal === 'SIGINT' ? 130 : 143)
    expect(last()).toMatchObject({ status: 'cancelled', error: { code: `SIGNAL_${signal}` } })
  })

  test('that ends well when it is told to has succeeded', async () => {
    const ran = run(sh('trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.02; done'))
    await until(() => lines().length > 0, 'the command to be up')
    send('SIGTERM')
    expect((await ran).code).toBe(0)
    expect(last()?.status).toBe('succeeded')
  })

  test('that takes too long is ended, by force if need be', async () => {
    expect((await run(['sleep', '30'], { timeoutMs: 100 })).code).toBe(124)
    expect(last()).toMatchObject({ status: 'timed_out', error: { code: 'TIMEOUT' } })
    const stubborn = await run(sh('trap "" TERM; while :; do sleep 0.05; done'), { timeoutMs: 100 })
    expect(stubborn.code).toBe(124)
  })

  test.each([
    [['/nowhere/at-all'], 127, 'COMMAND_NOT_FOUND', '/nowhere/at-all: command not found'],
    [['/etc/passwd'], 126, 'COMMAND_NOT_STARTED', '/etc/passwd: may not be executed'],
    [['true', 'a\0b'], 126, 'COMMAND_NOT_STARTED', ''],
  ])('%j that cannot be started leaves with %i and says why', async (command, code, why, message) => {
    const ran = await run(command)
    expect(ran.code).toBe(code)
    expect(ran.stderr).toContain(`enginescope run: ${message}`)
    expect(last()).toMatchObject({ status: 'failed', error: { code: why } })
  })

  test('passes every byte on, also those that are no text', async () => {
    const script = 'for (let i = 0; i < 256; i++) process.stdout.write(Buffer.alloc(4099, i))'
    const { stdout } = await run([process.execPath, '-e', script])
    expect(stdout.equals(Buffer.concat(Array.from({ length: 256 }, (_, byte) => Buffer.alloc(4099, byte))))).toBe(true)
  })

  test('is not read faster than its output is taken', async () => {
    let taken = 0
    const slow = new Writable({
      highWaterMark: 1024,
      write: (chunk: Buffer, _, done) => {
        taken += chunk.length
        setTimeout(done, 1)
      },
    })
    const { code } = await run(sh('head -c 3000000 /dev/zero | tr "\\0" "x"'), {}, { stdout: slow })
    expect(code).toBe(0)
    await until(() => taken === 3_000_000, 'all bytes')
  })

  test('meets a closed pipe when nobody reads any more', async () => {
    const closed = new Writable({ write: (_, __, done) => done(new Error('EPIPE')) })
    expect((await run(['yes'], {}, { stdout: closed })).code).toBe(141)
  })

  test('that floods its output is not held up, and what is not logged is said', async () => {
    const { code, stdout } = await run(sh('yes | head -n 2000000'), { settings: { retryMaxMs: 50 } })
    expect(code).toBe(0)
    expect(stdout.length).toBe(4_000_000)
    expect(lines().at(-1)?.line).toMatch(/^\d+ lines not logged: more than 5000 in a second$/)
  })

  test('shows progress by its percentages, also on a line that is written over', async () => {
    const script = 'printf "10%%\\r"; sleep 0.3; printf "60%%\\r"; sleep 0.3; echo 100%'
    await run(sh(script), { findProgress: percentFinder() })
    const seen = server.reports().map((report) => report.progress)
    expect(seen).toContain(0.1)
    expect(seen).toContain(0.6)
    expect(seen.at(-1) ?? seen.at(-2)).toBe(1)
  })

  test('counts CPU time and memory of its whole process tree, also of children that ended', async () => {
    const burn = 'for(let u={user:0,system:0};u.user+u.system<400_000;u=process.cpuUsage());'
    await run(sh(`${process.execPath} -e '${burn}' & ${process.execPath} -e '${burn}'; wait; exit 0`))
    const usage = server.reports().map((report) => report.usage)
    expect(usage.findLast((each) => each !== undefined)?.['cpuSeconds']).toBeGreaterThanOrEqual(0.8)
    expect(Math.max(...usage.map((each) => each?.['memoryBytes'] ?? 0))).toBeGreaterThan(20e6)
    const seconds = usage.map((each) => each?.['cpuSeconds'] ?? 0).filter((each) => each > 0)
    expect(seconds).toEqual(seconds.toSorted((a, b) => a - b))
    expect(seconds).toEqual(seconds.map((each) => Math.round(each * 100) / 100))
  })

  test('behaves the same when the aggregator is away, with one warning that can be silenced', async () => {
    await server.close()
    const begunMs = performance.now()
    const { code, stdout, stderr } = await run(sh('echo out; exit 3'), { waitMs: 1_000 })
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 3, stdout: 'out\n' })
    expect(stderr).toMatch(/^enginescope: not everything was reported to http.*ECONNREFUSED.*\n$/)
    expect(performance.now() - begunMs).toBeLessThan(3_000)
    expect((await run(['true'], { isQuiet: true, waitMs: 100 })).stderr).toBe('')
    server = await programmableAggregator()
  })

  test('is over when it ends, and what someone it left behind still writes is passed on', async () => {
    const { stdout } = await run(sh('(sleep 1; echo late) & echo early'))
    expect(stdout.toString()).toBe('early\nlate\n')
    expect(lines().map(({ line }) => line)).toEqual(['early', 'late'])
    const end = server.reports().find(({ status }) => status === 'succeeded')
    expect(end?.logs ?? []).not.toContainEqual(expect.objectContaining({ line: 'late' }))
  })

  test('can open its output by name', async () => {
    const { code, stdout, stderr } = await run(sh('echo a > /dev/stdout; echo b > /dev/stderr; echo c > /proc/self/fd/1'))
    expect({ code, stdout: stdout.toString(), stderr }).toEqual({ code: 0, stdout: 'a\nc\n', stderr: 'b\n' })
  })
})
