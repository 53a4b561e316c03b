/** The aggregator against a naive service, end to end: the same load over HTTP into Redis, in turn, with every answer checked. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Phase, ServiceName } from './driver.ts'
import { type ReportSize, reportSizes } from './load.ts'
import { type PhaseSummary, type Plan, runOnce, type Sample, type Summary, summaryOf } from './measurement.ts'
import type { AppendOnly, ServiceOptions } from './service-process.ts'
import { tableOf } from './table.ts'

const root = new URL('../../../', import.meta.url)
const usage = `e2e [--short] [--aof off|always] [--rounds N] [--seconds S] [--batches 1,10,100] [--sizes 1.1]
    [--connections 24] [--only enginescope|naive] [--check RATIO] [--json FILE] [--aggregator FILE] [--profile FOLDER]
    [--semi-space MB]
  --short       3 rounds of 3 s a phase, reports of 1.1 kB: two minutes. Default: 5 rounds of 8 s, also 0.3 and 8 kB at the largest batch
  --aof         Redis writes to disk before it answers, for both services
  --only        one service alone, for profiling
  --check       exit with 1 unless reports per core at the largest batch are this many times those of the naive service
  --json        where all figures go; default .bench/e2e.json
  --aggregator  the built program; default bin/enginescope.js
  --profile     writes a CPU profile of each run there
  --semi-space  room for new objects, as of --max-semi-space-size, for both services; default: as Node has it
`

const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    aof: { type: 'string', default: 'off' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    batches: { type: 'string', default: '1,10,100' },
    sizes: { type: 'string' },
    connections: { type: 'string', default: '24' },
    only: { type: 'string' },
    check: { type: 'string' },
    json: { type: 'string', default: fileURLToPath(new URL('.bench/e2e.json', root)) },
    aggregator: { type: 'string', default: fileURLToPath(new URL('bin/enginescope.js', root)) },
    profile: { type: 'string' },
    'semi-space': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) process.stdout.write(usage)
else process.exitCode = await main()

async function main(): Promise<number> {
  const plan = planOf()
  const rounds = Number(options.rounds ?? (options.short ? 3 : 5))
  const service: ServiceOptions = {
    appendOnly: appendOnlyOf(options.aof),
    aggregator: options.aggregator,
    nodeArgs: nodeArgsOf(options.profile, options['semi-space']),
  }
  const about = `${machineText()}, AOF ${service.appendOnly}, semi-space ${options['semi-space'] ?? 'as Node has it'}, ${plan.connections} connections, median of ${rounds} (min..max)`
  process.stdout.write(`${about}\n`)
  const names: ServiceName[] = options.only === undefined ? ['naive', 'enginescope'] : [options.only as ServiceName]
  const samples = await takeTurns(names, rounds, plan, service)
  const results = plan.phases.map((phase, at) => ({ phase, services: summariesAt(samples, at) }))
  process.stdout.write(tableOf(results))
  mkdirSync(dirname(options.json), { recursive: true })
  writeFileSync(options.json, `${JSON.stringify({ about, plan, results, samples }, undefined, 2)}\n`)
  const ratio = ratioAtLargestBatch(results)
  return options.check !== undefined && !(ratio >= Number(options.check)) ? 1 : 0
}

async function takeTurns(names: readonly ServiceName[], rounds: number, plan: Plan, service: ServiceOptions) {
  const samples: Record<ServiceName, Sample[][]> = { naive: [], enginescope: [] }
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) {
      process.stderr.write(`round ${round} of ${rounds}: ${name}\n`)
      samples[name].push(await runOnce(name, plan, service))
    }
  }
  return samples
}

function summariesAt(samples: Readonly<Record<ServiceName, Sample[][]>>, at: number): PhaseSummary['services'] {
  const services: Partial<Record<ServiceName, Summary>> = {}
  for (const name of ['naive', 'enginescope'] as const) {
    const ofPhase = samples[name].map((run) => run[at]).filter((sample) => sample !== undefined)
    if (ofPhase.length > 0) services[name] = summaryOf(ofPhase)
  }
  return services
}

function planOf(): Plan {
  const durationMs = Number(options.seconds ?? (options.short ? 3 : 8)) * 1000
  const batches = options.batches.split(',').map(Number)
  const largest = Math.max(...batches)
  const sizes = options.sizes?.split(',').map(sizeOf)
  const phases: Phase[] = batches.flatMap((batch) => (sizes ?? [sizeOf('1.1')]).map((size) => ({ batch, size, durationMs })))
  if (!options.short && sizes === undefined) {
    phases.push({ batch: largest, size: '0.3', durationMs }, { batch: largest, size: '8', durationMs })
  }
  return {
    connections: Number(options.connections),
    load: {
      seed: 7,
      enginesPerConnection: 4,
      tasksPerEngine: 25,
      shares: { outOfOrder: 0.01, duplicate: 0.01, invalid: 0.01 },
    },
    warmUp: { batch: largest, size: sizes?.[0] ?? '1.1', durationMs: 3_000 },
    phases,
  }
}

function nodeArgsOf(profileFolder: string | undefined, semiSpaceMb: string | undefined): string[] {
  return [
    ...(profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]),
    ...(semiSpaceMb === undefined ? [] : [`--max-semi-space-size=${semiSpaceMb}`]),
  ]
}

function sizeOf(text: string): ReportSize {
  const size = reportSizes.find((known) => known === text)
  if (size === undefined) throw new Error(`sizes are ${reportSizes.join(', ')}`)
  return size
}

function appendOnlyOf(text: string): AppendOnly {
  if (text === 'off' || text === 'always') return text
  throw new Error('--aof is off or always')
}

function ratioAtLargestBatch(results: readonly PhaseSummary[]): number {
  const batch = Math.max(...results.map(({ phase }) => phase.batch))
  const found = results.find(({ phase }) => phase.batch === batch && phase.size === '1.1')
  const { naive, enginescope } = found?.services ?? {}
  return naive === undefined || enginescope === undefined ? Number.NaN : naive.nodeMicros.median / enginescope.nodeMicros.median
}

function machineText(): string {
  const versionOf = (name: string) => {
    const text = readFileSync(new URL(`node_modules/${name}/package.json`, root), 'utf8')
    return `${name} ${(JSON.parse(text) as { version: string }).version}`
  }
  const redis = /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown'
  const packages = ['express', 'zod', 'prom-client', 'ioredis', 'undici'].map(versionOf).join(', ')
  const cpu = cpus()[0]?.model ?? 'unknown processor'
  return `Node ${process.version}, Redis ${redis}, ${packages}, ${availableParallelism()} cores, ${cpu}`
}
