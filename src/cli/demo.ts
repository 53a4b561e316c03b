import { setTimeout as pause } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { parseDurationMs } from '../config/units.ts'
import { type CliContext, exitCodes } from './context.ts'
import { startAlertReceiver } from './demo/alert-receiver.ts'
import { runEngine } from './demo/engine-process.ts'
import { runFlows } from './demo/flows.ts'
import { runLearners } from './demo/learners.ts'
import { exampleCommand, type RoundOptions, runRound, type Surprise } from './demo/round.ts'
import { diesWithParent } from './stack/programs.ts'
import type { Stack } from './stack/stack.ts'
import { addStackFlags, withStack } from './up.ts'

type DemoFlags = { once: boolean; for?: number; output: 'text' | 'json' }

const defaultFolder = '.enginescope/demo'
const betweenRoundsMs = 5000

/** Lines to paste into a terminal while the demo runs. */
export function curlLines({ aggregator: { url }, prometheus }: Pick<Stack, 'aggregator' | 'prometheus'>, round: number): string {
  const job = `${url}/api/v1/namespaces/default/jobs`
  const lines = [
    `curl -s '${url}/api/v1/jobs?limit=5'`,
    `curl -s ${job}/word-count-${round}`,
    `curl -s '${job}/word-count-${round}/logs?limit=20'`,
    `curl -s ${job}/primes-${round}/history`,
    `curl -s '${job}/restore-${round}/logs'`,
    `curl -s ${url}/api/v1/engines`,
    `curl -s ${url}/metrics | grep '^enginescope_task_progress_ratio'`,
    `curl -s ${url}/metrics | grep '^enginescope_federated_learning_'`,
    `curl -s '${job}/incremental-${round}/logs?limit=20'`,
    `curl -s ${job}/joint-${round}`,
    `curl -s ${job}/census-${round}`,
    `curl -s ${url}/api/v1/runtimes/census-${round}`,
    ...(prometheus === undefined
      ? []
      : [`curl -s --data-urlencode 'query=sum by (status) (enginescope_tasks_finished_total)' ${prometheus.url}/api/v1/query`]),
  ]
  return `Try:\n${lines.map((line) => `  ${line}`).join('\n')}\n`
}

/** A first number that no earlier demo in the same folder used, since jobs that ended stay ended: seconds since 2025. */
function firstRound(): number {
  return Math.floor((Date.now() - Date.UTC(2025, 0)) / 1000)
}

async function pauseUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

async function rounds(options: RoundOptions, once: boolean): Promise<Surprise[]> {
  const surprises: Surprise[] = []
  for (let round = options.round; !options.signal.aborted; round++) {
    surprises.push(...(await runRound({ ...options, round })))
    if (once) break
    await pauseUnlessAborted(betweenRoundsMs, options.signal)
  }
  return surprises
}

async function work(stack: Stack, stopping: AbortSignal, flags: DemoFlags, context: CliContext): Promise<number> {
  const done = new AbortController()
  const limits = flags.for === undefined ? [] : [AbortSignal.timeout(flags.for)]
  const signal = AbortSignal.any([stopping, done.signal, ...limits])
  const say = (text: string) => void context.stderr.write(`${text}\n`)
  const env = { ...context.env, ENGINESCOPE_URL: stack.aggregator.url }
  const surroundings = { env, prefix: diesWithParent(context.env['PATH']), signal }
  const round = firstRound()
  if (flags.output === 'text') context.stdout.write(curlLines(stack, round))
  const idle = runEngine({ command: exampleCommand('idle-engine.js'), ...surroundings })
  try {
    const options = { ...surroundings, round, folder: stack.dataPath, say }
    const flows = runFlows({ ...options, redisUrl: stack.redis.url }, flags.once)
    const surprises = (await Promise.all([rounds(options, flags.once), runLearners(options, flags.once), flows])).flat()
    for (const { jobId, end } of surprises) say(`${jobId} did not end as it should: ${end.lastLines.join('\n    ')}`)
    return surprises.length === 0 ? exitCodes.ok : exitCodes.failed
  } finally {
    done.abort()
    await idle
  }
}

function duration(text: string): number {
  const ms = parseDurationMs(text)
  if (ms === undefined || ms === 0) throw new InvalidArgumentError('give a duration with its unit: 60s, 5m')
  return ms
}

async function runDemo(command: Command, context: CliContext): Promise<number> {
  const receiver = await startAlertReceiver((text) => void context.stderr.write(`${text}\n`))
  const use = (stack: Stack, signal: AbortSignal) => work(stack, signal, command.opts<DemoFlags>(), context)
  try {
    return await withStack(command, context, defaultFolder, use, (options) => ({ ...options, alertWebhookUrl: receiver.url }))
  } finally {
    receiver.close()
  }
}

/** Adds `enginescope demo`. */
export function registerDemo(program: Command, context: CliContext): void {
  const command = program
    .command('demo')
    .description(
      'As up, and engines at real work: a word count, a compression, a job that fails, one that is cancelled, one that is only ever fetched from, an idle engine, three that learn, and a flow over EngineHub agents.',
    )
    .option('--once', 'One round, then stop; exit 1 if a job ended otherwise than it should.', false)
    .option('--for <duration>', 'Stop after this long, e.g. 60s.', duration)
  addStackFlags(command, defaultFolder).action(async () => {
    process.exitCode = await runDemo(command, context)
  })
}
