import type { Figures } from '../statistics.ts'
import type { PhaseSummary, Sample, Summary } from './measurement.ts'

type Row = { readonly key: keyof Sample; readonly title: string; readonly isMoreBetter: boolean; readonly digits: number }

const rows: readonly Row[] = [
  { key: 'nodeMicros', title: 'service CPU µs a report', isMoreBetter: false, digits: 1 },
  { key: 'redisMicros', title: 'Redis CPU µs a report', isMoreBetter: false, digits: 1 },
  { key: 'reportsPerSecond', title: 'reports/s, wall', isMoreBetter: true, digits: 0 },
  { key: 'nodeCores', title: 'cores of the service', isMoreBetter: false, digits: 2 },
  { key: 'p50Ms', title: 'p50 ms a request', isMoreBetter: false, digits: 1 },
  { key: 'p95Ms', title: 'p95 ms a request', isMoreBetter: false, digits: 1 },
  { key: 'p99Ms', title: 'p99 ms a request', isMoreBetter: false, digits: 1 },
  { key: 'turnedAway', title: '503, sent again', isMoreBetter: false, digits: 0 },
]

const hasNoRatio: ReadonlySet<keyof Sample> = new Set(['nodeCores', 'turnedAway'])
const titleChars = 26
const figureChars = 30

/** All phases as text. The ratio is how many times better the aggregator is; below 1 it is worse. */
export function tableOf(results: readonly PhaseSummary[]): string {
  return results.map(phaseText).join('')
}

function phaseText({ phase, services }: PhaseSummary): string {
  const { enginescope, naive } = services
  const head = [`batch ${phase.batch}, ${phase.size} kB`.padEnd(titleChars), 'enginescope'.padStart(figureChars)]
  head.push('naive'.padStart(figureChars), 'ratio'.padStart(8))
  const lines = rows.map((row) => rowText(row, enginescope, naive))
  return `\n${head.join('')}\n${lines.join('\n')}\n`
}

function rowText({ key, title, isMoreBetter, digits }: Row, own: Summary | undefined, peer: Summary | undefined): string {
  const cells = [title.padEnd(titleChars), figureText(own?.[key], digits), figureText(peer?.[key], digits)]
  if (own === undefined || peer === undefined || hasNoRatio.has(key)) return cells.join('')
  const ratio = own[key].median / peer[key].median
  return [...cells, `${(isMoreBetter ? ratio : 1 / ratio).toFixed(1)}x`.padStart(8)].join('')
}

function figureText(figures: Figures | undefined, digits: number): string {
  if (figures === undefined) return ''.padStart(figureChars)
  const [median, min, max] = [figures.median, figures.min, figures.max].map((value) => value.toFixed(digits))
  return `${median} (${min}..${max})`.padStart(figureChars)
}
