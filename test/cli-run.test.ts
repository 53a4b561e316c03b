import { execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startProgram } from './support/process.ts'
import { type ProgrammableAggregator, programmableAggregator, until } from './support/programmable-aggregator.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The command alone: the same as `enginescope run`. */
const driver = `
  import { Command } from 'commander'
  import { registerRun } from './dist/cli/run.js'
  const { env, stdout, stderr } = process
  const program = new Command('enginescope')
  registerRun(program, { env, get stdin() { return process.stdin }, stdout, stderr })
  await program.parseAsync(['run', ...process.argv.slice(1)], { from: 'user' })`

let server: ProgrammableAggregator

beforeEach(async () => {
  server = await programmableAggregator()
})

afterEach(() => server.close())

const argsOf = (args: readonly string[]) => ['--input-type=module', '-e', driver, '--', '--url', server.url, ...args]
const run = (args: readonly string[], stdin?: string) =>
  startProgram(process.execPath, argsOf(args), stdin === undefined ? {} : { stdin })

describe('enginescope run', () => {
  test('passes standard input, output, errors and the exit code through', async () => {
    const program = await run(
      ['--job', 'j1', '--type', 'backup', '--', 'bash', '-c', 'tr a-z A-Z; echo oops >&2; exit 5'],
      'hello\nthere',
    )
    expect(await program.exited).toEqual({ code: 5, signal: null })
    expect(program.stdout()).toBe('HELLO\nTHERE')
    expect(program.stderr()).toBe('oops\n')
    expect(server.reports().find(({ status }) => status === 'failed')).toMatchObject({
      jobId: 'j1',
      taskType: 'backup',
      error: { code: 'EXIT_5' },
    })
  })

  test('passes megabytes of anything through, byte for byte', async () => {
    const bytes = randomBytes(8 * 1024 * 1024)
    const child = spawn(process.execPath, argsOf(['--', 'cat']), { cwd: root, stdio: ['pipe', 'pipe', 'ignore'] })
    const hash = createHash('sha256')
    child.stdin.end(bytes)
    for await (const chunk of child.stdout) hash.update(chunk)
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'))
  })

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const)('passes %s on and leaves with %i', async (signal, code) => {
    const program = await run(['--job', 'j1', '--', 'bash', '-c', 'echo up; exec sleep 60'])
    await program.waitForLine(/up/)
    program.kill(signal)
    expect(await program.exited).toEqual({ code, signal: null })
    await until(() => server.reports().some(({ status }) => status === 'cancelled'), 'the cancelled task')
  })

  test('ends a pipeline as the command alone does', async () => {
    const program = await startProgram('bash', [
      '-c',
      '"$0" "$@" | head -n 1; echo "$PIPESTATUS"',
      process.execPath,
      ...argsOf(['--', 'yes']),
    ])
    expect(await program.exited).toEqual({ code: 0, signal: null })
    expect(program.stdout()).toBe('y\n141\n')
  })

  test('goes on reporting while nobody reads its output', async () => {
    const script = '"$0" "$@" | (read -r go < "$GATE"; wc -c)'
    const folder = await mkdtemp(join(tmpdir(), 'cli-run-'))
    const gate = join(folder, 'gate')
    execFileSync('mkfifo', [gate])
    const args = argsOf(['--', 'head', '-c', '1000000', '/dev/zero'])
    const program = await startProgram('bash', ['-c', script, process.execPath, ...args], { env: { GATE: gate } })
    await until(() => server.reports().length > 0, 'a report while the output is stuck')
    await writeFile(gate, 'go\n')
    expect(await program.exited).toEqual({ code: 0, signal: null })
    await rm(folder, { recursive: true })
    expect(program.stdout().trim()).toBe('1000000')
  })

  test('leaves the output alone when told to', async () => {
    const program = await run(['--no-capture', '--verbose', '--', 'echo', 'hi'])
    expect(await program.exited).toEqual({ code: 0, signal: null })
    expect(program.stdout()).toBe('hi\n')
    expect(program.stderr()).toMatch(/^enginescope: job echo-\d{8}T\d{6}-[0-9a-f]{6}, reported to http/)
    expect(server.reports().flatMap(({ logs }) => logs ?? [])).toEqual([])
  })

  test('ends a command that takes too long', async () => {
    const program = await run(['--timeout', '200ms', '--', 'sleep', '60'])
    expect(await program.exited).toEqual({ code: 124, signal: null })
  })
})
