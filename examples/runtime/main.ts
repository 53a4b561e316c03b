/** A census of the packages in a folder: a program of five steps that keeps its messages until monitors fetch them. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createReporter, type ProgramRun } from 'enginescope/reporter'
import { paceOf } from '../pace.ts'
import { aggregator, count } from '../settings.ts'
import { type Step, type StepContext, steps, type TokenEntries } from './steps.ts'

const { values } = parseArgs({
  options: {
    run: { type: 'string', default: `census-${process.pid}` },
    folder: { type: 'string', default: '.' },
    output: { type: 'string', default: join(tmpdir(), 'enginescope-census') },
    'bytes-max': { type: 'string', default: '12000000' },
    'bytes-per-second': { type: 'string', default: '1000000' },
    'poll-mode': { type: 'string', default: 'batch' },
  },
})

const folder = resolve(values.folder)
const pollMode = values['poll-mode'] === 'per-topic' ? 'per-topic' : 'batch'
const scope = createReporter({
  ...aggregator(),
  mode: 'pull',
  engine: { engineType: 'census', engineVersion: '1' },
  taskLimit: 1,
  runtime: { runtimeId: values.run, pollMode, topics: ['task.running:2'] },
})
const run = scope.program({ application: 'package-census', version: '1.0', type: 'Workflow', program: 'census' })
const stop = new AbortController()
// A kill that a monitor passes on arrives as SIGTERM, too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(signal))

async function takeStep(step: Step, context: Omit<StepContext, 'advance' | 'log' | 'touch'>): Promise<TokenEntries> {
  const task = run.task({ execId: step.name, taskType: 'etl' })
  const pace = paceOf(count('bytes-per-second', values['bytes-per-second']))
  try {
    const entries = await step.work({
      ...context,
      touch: (access, path) => run.lineage([{ entity: `file:${path}`, access, step: step.name, at: Date.now() }]),
      advance: async (bytes, progress) => {
        stop.signal.throwIfAborted()
        task.update({ progress })
        await pace(bytes, stop.signal)
      },
      log: (level, line) => task.log(level, line, { step: step.name }),
    })
    void task.finish()
    return entries
  } catch (error) {
    void (stop.signal.aborted ? task.cancel(String(stop.signal.reason)) : task.fail(error))
    throw error
  }
}

async function takeAllSteps(program: ProgramRun, workFolder: string): Promise<void> {
  const outputFolder = resolve(values.output)
  mkdirSync(outputFolder, { recursive: true })
  const token: Record<string, TokenEntries> = {}
  const tokenOf = (step: string, name: string) => {
    const value = token[step]?.[name]
    if (value === undefined) throw new Error(`the step ${step} has not handed on ${name}`)
    return value
  }
  const bytesMax = count('bytes-max', values['bytes-max'])
  for (const step of steps) {
    const entries = await takeStep(step, { folder, workFolder, outputFolder, bytesMax, token: tokenOf })
    token[step.name] = entries
    program.workflowToken({ [step.name]: entries })
  }
  console.log(`the census of ${folder} is in ${token['write']?.['packages']}`)
}

const workFolder = mkdtempSync(join(tmpdir(), 'enginescope-census-work-'))
try {
  run.move('STARTING')
  run.metadata({ tags: ['example'], properties: { folder } })
  run.move('RUNNING')
  run.log('INFO', `counting the packages below ${folder}`)
  await takeAllSteps(run, workFolder)
  void run.finish()
} catch (error) {
  process.exitCode = 1
  if (stop.signal.aborted) void run.cancel(String(stop.signal.reason))
  else {
    void run.fail(error)
    console.error(error instanceof Error ? error.message : error)
  }
} finally {
  rmSync(workFolder, { recursive: true, force: true })
  // Who stops it does not want to wait until a monitor has come and gone.
  await scope.close(stop.signal.aborted ? 6_000 : undefined)
}
