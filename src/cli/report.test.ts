import { PassThrough, Readable } from 'node:stream'
import { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { applied, type ProgrammableAggregator, programmableAggregator } from '../../test/support/programmable-aggregator.ts'
import { registerReport } from './report.ts'

let server: ProgrammableAggregator

beforeEach(async () => {
  server = await programmableAggregator()
})

afterEach(async () => {
  process.exitCode = undefined
  await server.close()
})

type Said = { readonly code: number; readonly stdout: string; readonly stderr: string }

async function report(args: readonly string[], stdin = '', env: Record<string, string> = {}): Promise<Said> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  const context = { env: { ENGINESCOPE_URL: server.url, ...env }, stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr }
  registerReport(program, context)
  process.exitCode = undefined
  await program.parseAsync(['report', ...args], { from: 'user' })
  const code = Number(process.exitCode ?? 0)
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }
}

describe('a report made of flags', () => {
  test('holds what the flags say', async () => {
    const flags = '--job j1 --exec e1 --namespace team-a --type sql --attempt 2 --seq 4 --status failed --progress 42%'
    const more = [
      '--log',
      'ERROR:no: x',
      '--log',
      'plain',
      '--metric',
      'loss=0.5',
      '--attribute',
      'queue=a=b',
      '--error-message',
      'no x',
    ]
    const { code, stdout } = await report([
      ...flags.split(' '),
      ...more,
      '--error-code',
      'E1',
      '--engine',
      'n1:1',
      '--token',
      't',
    ])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'applied 1\n' })
    expect(server.requests[0]?.headers['authorization']).toBe('Bearer t')
    expect(server.reports()[0]).toMatchObject({
      namespace: 'team-a',
      jobId: 'j1',
      execId: 'e1',
      taskType: 'sql',
      attempt: 2,
      seq: 4,
      status: 'failed',
      progress: 0.42,
      engine: { instance: 'n1:1', engineType: 'cli' },
      algorithmMetrics: { loss: 0.5 },
      attributes: { queue: 'a=b' },
      error: { code: 'E1', message: 'no x' },
      logs: [
        { level: 'ERROR', line: 'no: x' },
        { level: 'INFO', line: 'plain' },
      ],
    })
  })

  test('without a task is a heartbeat of the engine', async () => {
    expect((await report(['--engine', 'n1:1'])).code).toBe(0)
    expect(server.reports()[0]).not.toHaveProperty('execId')
  })

  test.each([
    [[], '--job or --exec'],
    [['--job', 'j1'], '--status or --progress'],
    [['what'], 'no input what'],
    [['--job', 'j1', '--status', 'running', '--url', 'nowhere'], 'not an http'],
  ])('%j is a wrong use', async (args, why) => {
    const { code, stderr } = await report(args)
    expect(code).toBe(2)
    expect(stderr).toContain(why)
    expect(server.requests).toHaveLength(0)
  })

  test.each([
    ['--progress', '1.5'],
    ['--progress', 'half'],
    ['--metric', 'loss=low'],
    ['--attribute', 'alone'],
    ['--job', 'with blank'],
    ['--attempt', '0'],
    ['--timeout', '10'],
  ])('%s %s is refused at once', async (...flag) => {
    await expect(report(flag)).rejects.toMatchObject({ code: 'commander.invalidArgument' })
  })
})

describe('reports from standard input', () => {
  const one = { execId: 'e1', status: 'running', engine: { instance: 'n1:1' } }

  test.each([
    ['one', JSON.stringify(one), 1],
    ['one over several lines', JSON.stringify(one, null, 2), 1],
    ['an array', JSON.stringify([one, one]), 2],
    ['one a line', `${JSON.stringify(one)}\n\n${JSON.stringify(one)}\n`, 2],
  ])('%s', async (_, text, count) => {
    expect(await report(['-'], text)).toMatchObject({ code: 0, stdout: `applied ${count}\n` })
    expect(server.reports()).toEqual(Array(count).fill(one))
  })

  test('get engine and namespace where they have none, and bare messages stay as they are', async () => {
    const bare = { execId: '1', progress: 0.5, extraInfoMap: { engineInstance: 'n1:1' } }
    await report(
      ['--stdin', '--namespace', 'team-a', '--engine', 'n9:9'],
      JSON.stringify([{ execId: 'e1', status: 'running' }, bare]),
    )
    expect(server.reports()[0]).toMatchObject({ namespace: 'team-a', engine: { instance: 'n9:9' } })
    expect(server.reports()[1]).toEqual({ namespace: 'team-a', ...bare })
  })

  test.each([
    ['', 'empty'],
    ['{"a":1}\nnot json', 'line 2'],
    ['[1]', 'report 0'],
  ])('%j is a wrong use', async (text, why) => {
    const { code, stderr } = await report(['-'], text)
    expect(code).toBe(2)
    expect(stderr).toContain(why)
  })

  test('go out in requests of at most 100, and are named by their place in the input', async () => {
    server.answer = ({ reports }, index) =>
      index === 1
        ? applied(99, [{ index: 7, outcome: 'rejected', code: 'REPORT_INVALID', path: 'status', message: 'unknown' }])
        : applied(reports.length)
    const said = await report(['-', '--output', 'json'], JSON.stringify(Array(250).fill(one)))
    expect(server.requests.map((request) => request.reports.length)).toEqual([100, 100, 50])
    expect(said.code).toBe(1)
    expect(JSON.parse(said.stdout)).toMatchObject({
      isTaken: false,
      counts: { applied: 249, rejected: 1 },
      results: [{ index: 107, outcome: 'rejected', code: 'REPORT_INVALID', path: 'status', message: 'unknown' }],
    })
  })
})

describe('an aggregator that', () => {
  const args = ['--job', 'j1', '--status', 'running']

  test.each([429, 503])('answers %i is asked again', async (status) => {
    server.answer = (_, index) => (index < 2 ? { status, headers: { 'retry-after': '0' } } : undefined)
    expect((await report(args)).code).toBe(0)
    expect(server.requests).toHaveLength(3)
  })

  test('stays busy makes it fail when the time is over', async () => {
    server.answer = () => ({ status: 503, headers: { 'retry-after': '5' } })
    const { code, stderr } = await report([...args, '--timeout', '1s'])
    expect(code).toBe(1)
    expect(stderr).toContain('answered 503')
  })

  test('does not know the token makes it fail at once', async () => {
    server.answer = () => ({ status: 401, body: { error: { code: 'TOKEN_INVALID', message: 'The bearer token is not known.' } } })
    const { code, stderr } = await report(args)
    expect(code).toBe(1)
    expect(stderr).toContain('not known')
  })

  test('is away makes it fail, and says so', async () => {
    await server.close()
    const { code, stderr } = await report([...args, '--timeout', '300ms'])
    expect(code).toBe(1)
    expect(stderr).toContain('ECONNREFUSED')
    server = await programmableAggregator()
  })

  test('rejects it makes it fail with the reason', async () => {
    server.answer = () => ({
      status: 400,
      ...applied(0, [{ index: 0, outcome: 'rejected', code: 'REPORT_INVALID', path: 'status', message: 'unknown' }]),
    })
    const { code, stderr } = await report(args)
    expect(code).toBe(1)
    expect(stderr).toBe('report 0: rejected (REPORT_INVALID status unknown)\n')
  })
})
