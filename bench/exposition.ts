/** The exposition store against prom-client: rendering, event-loop block, update, memory and compression, with the outputs compared. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parsePrometheusText } from '../test/support/prometheus-text.ts'
import { type ArmName, armNames } from './exposition-arms.ts'
import type { ChildOrder, ChildResult } from './exposition-child.ts'
import { type Figures, figuresOf } from './statistics.ts'

type ArmFigures = Readonly<
  Record<
    'renderMs' | 'renderCpuMs' | 'blockMs' | 'updateNs' | 'createNs' | 'rssMiB' | 'peakMiB' | 'gzipMs' | 'textMiB' | 'gzipMiB',
    Figures
  >
>
type SizeResult = {
  readonly series: number
  readonly samplesCompared: number
  readonly arms: Readonly<Record<ArmName, ArmFigures>>
}

const mebi = 1024 * 1024
/** Rounds of processes, the arms taking turns. */
const childRounds = 3
const comparedMax = 100_000
const usage = `exposition [--series 1000,10000,100000] [--large] [--rounds 5] [--json FILE] [--check]
  --large  also 300,000 series
  --rounds renderings a process; there are ${childRounds} processes an arm and size
  --json   where to write all figures
  --check  exit with 1 unless, from 100,000 series on, rendering is 10 and updating 5 times faster, no block reaches 50 ms
           and the process needs at most half the memory
`

const { values: options } = parseArgs({
  options: {
    series: { type: 'string', default: '1000,10000,100000' },
    large: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
    check: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) process.stdout.write(usage)
else process.exitCode = await main()

async function main(): Promise<number> {
  const sizes = options.series.split(',').map(Number)
  if (options.large) sizes.push(300_000)
  const machine = machineText()
  process.stdout.write(`${machine}\n`)
  const results: SizeResult[] = []
  for (const series of sizes) {
    const result = await measureSize(series, Number(options.rounds))
    results.push(result)
    process.stdout.write(tableOf(result))
  }
  if (options.json !== undefined) {
    mkdirSync(dirname(options.json), { recursive: true })
    writeFileSync(options.json, `${JSON.stringify({ machine, results }, undefined, 2)}\n`)
  }
  return options.check && !results.every(isGoodEnough) ? 1 : 0
}

async function measureSize(series: number, rounds: number): Promise<SizeResult> {
  const folder = mkdtempSync(join(tmpdir(), 'exposition-'))
  try {
    const runs: Record<ArmName, ChildResult[]> = { own: [], 'prom-client': [] }
    for (let round = 0; round < childRounds; round++) {
      for (const arm of armNames) {
        const isCompared = round === 0 && series <= comparedMax
        runs[arm].push(await runChild({ arm, series, rounds, textFile: isCompared ? join(folder, arm) : '' }))
      }
    }
    const samplesCompared = series <= comparedMax ? compare(join(folder, 'own'), join(folder, 'prom-client')) : 0
    return { series, samplesCompared, arms: { own: summed(runs.own), 'prom-client': summed(runs['prom-client']) } }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function runChild(order: ChildOrder): Promise<ChildResult> {
  const child = fork(fileURLToPath(new URL('./exposition-child.js', import.meta.url)), { execArgv: ['--expose-gc'] })
  const exit = once(child, 'exit')
  const answer = once(child, 'message')
  child.send(order)
  const failed = exit.then(([code]) => Promise.reject(new Error(`a measuring process left with ${code} and no result`)))
  const [result] = (await Promise.race([answer, failed])) as [ChildResult]
  await exit.catch(() => undefined)
  failed.catch(() => undefined)
  return result
}

function summed(runs: readonly ChildResult[]): ArmFigures {
  const over = (read: (run: ChildResult) => number | readonly number[]) => figuresOf(runs.flatMap(read))
  return {
    renderMs: over((run) => run.renderWallMs),
    renderCpuMs: over((run) => run.renderCpuMs),
    blockMs: over((run) => run.longestBlockMs),
    updateNs: over((run) => run.updateNs),
    createNs: over((run) => run.createNs),
    rssMiB: over((run) => run.rssBytes / mebi),
    peakMiB: over((run) => run.peakBytes / mebi),
    gzipMs: over((run) => run.gzipMs),
    textMiB: over((run) => run.textBytes / mebi),
    gzipMiB: over((run) => run.gzipBytes / mebi),
  }
}

/** Reads both outputs with the independent reader. @throws at the first sample that differs. */
function compare(ownFile: string, peerFile: string): number {
  const own = samplesIn(ownFile)
  const peer = samplesIn(peerFile)
  if (own.size !== peer.size) throw new Error(`${own.size} samples against ${peer.size}`)
  for (const [sample, value] of peer) {
    if (own.get(sample) !== value) throw new Error(`${sample} is ${own.get(sample)}, should be ${value}`)
  }
  return own.size
}

function samplesIn(file: string): Map<string, number> {
  const samples = new Map<string, number>()
  for (const { samples: found } of parsePrometheusText(readFileSync(file, 'utf8')).values()) {
    for (const { name, labels, value } of found) {
      const { instance: _, ...others } = labels
      samples.set(JSON.stringify([name, ...Object.entries(others).toSorted()]), value)
    }
  }
  return samples
}

function tableOf({ series, samplesCompared, arms }: SizeResult): string {
  const rows = Object.keys(arms.own) as (keyof ArmFigures)[]
  const lines = rows.map((row) => {
    const own = arms.own[row]
    const peer = arms['prom-client'][row]
    const ratio = peer.median / own.median
    return [row.padEnd(12), figureText(own), figureText(peer), `${ratio.toFixed(1)}x`.padStart(8)].join('  ')
  })
  const compared = samplesCompared > 0 ? `${samplesCompared} samples equal in both outputs` : 'outputs not compared'
  const head = ['median (min..max)'.padEnd(12), 'own'.padStart(26), 'prom-client'.padStart(28), 'ratio'.padStart(8)].join('  ')
  return `\n${series} series; ${compared}\n${head}\n${lines.join('\n')}\n`
}

function figureText({ median, min, max }: Figures): string {
  return `${digits(median)} (${digits(min)}..${digits(max)})`.padStart(28)
}

function digits(value: number): string {
  return value.toFixed(Math.abs(value) < 10 ? 2 : 0)
}

function isGoodEnough({ series, arms }: SizeResult): boolean {
  if (series < 100_000) return true
  const { own, 'prom-client': peer } = arms
  const isFast = peer.renderMs.median / own.renderMs.median >= 10 && peer.updateNs.median / own.updateNs.median >= 5
  return isFast && own.blockMs.median < 50 && own.peakMiB.median <= peer.peakMiB.median / 2
}

function machineText(): string {
  const promClient = JSON.parse(
    readFileSync(new URL('../../node_modules/prom-client/package.json', import.meta.url), 'utf8'),
  ) as {
    version: string
  }
  const cpu = cpus()[0]?.model ?? 'unknown processor'
  return `Node ${process.version}, prom-client ${promClient.version}, ${availableParallelism()} cores, ${cpu}`
}
