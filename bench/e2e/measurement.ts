/** One run of one service through all phases, and what several such runs come to. */
import { type Figures, figuresOf } from '../statistics.ts'
import { cpuMicroseconds } from './cpu-time.ts'
import type { Phase, PhaseResult, ServiceName } from './driver.ts'
import { DriverProcess } from './driver-process.ts'
import type { LoadOrder } from './load.ts'
import { type RunningService, type ServiceOptions, startService } from './service-process.ts'

export type Plan = {
  readonly connections: number
  readonly load: Omit<LoadOrder, 'connection'>
  /** Not measured: code gets compiled, every task is heard of. */
  readonly warmUp: Phase
  readonly phases: readonly Phase[]
}

export type Sample = Readonly<
  Record<'reportsPerSecond' | 'nodeMicros' | 'redisMicros' | 'nodeCores' | 'p50Ms' | 'p95Ms' | 'p99Ms' | 'turnedAway', number>
>

export type Summary = Readonly<Record<keyof Sample, Figures>>

export type PhaseSummary = { readonly phase: Phase; readonly services: Readonly<Partial<Record<ServiceName, Summary>>> }

/** @returns a sample for each phase. @throws when an answer or the exposition is not what it must be */
export async function runOnce(name: ServiceName, plan: Plan, options: ServiceOptions): Promise<Sample[]> {
  const service = await startService(name, options)
  const driver = new DriverProcess()
  try {
    const { connections, load } = plan
    await driver.ask({ kind: 'open', url: service.url, service: name, connections, load }, 'opened')
    await driver.ask({ kind: 'phase', phase: plan.warmUp }, 'phase')
    const samples: Sample[] = []
    for (const phase of plan.phases) samples.push(await measure(service, driver, phase))
    await driver.ask({ kind: 'check' }, 'checked')
    return samples
  } finally {
    driver.stop()
    await service.stop()
  }
}

async function measure(service: RunningService, driver: DriverProcess, phase: Phase): Promise<Sample> {
  const nodeBegan = cpuMicroseconds(service.pid)
  const redisBegan = cpuMicroseconds(service.redisPid)
  const { result } = await driver.ask({ kind: 'phase', phase }, 'phase')
  return sampleOf(result, cpuMicroseconds(service.pid) - nodeBegan, cpuMicroseconds(service.redisPid) - redisBegan)
}

function sampleOf(
  { reports, turnedAway, wallMs, latencyMs }: PhaseResult,
  nodeCpuMicros: number,
  redisCpuMicros: number,
): Sample {
  const sorted = latencyMs.toSorted((a, b) => a - b)
  const quantile = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return {
    reportsPerSecond: (reports / wallMs) * 1000,
    nodeMicros: nodeCpuMicros / reports,
    redisMicros: redisCpuMicros / reports,
    nodeCores: nodeCpuMicros / 1000 / wallMs,
    p50Ms: quantile(0.5),
    p95Ms: quantile(0.95),
    p99Ms: quantile(0.99),
    turnedAway,
  }
}

/** @param samples of one phase, one a run */
export function summaryOf(samples: readonly Sample[]): Summary {
  const over = (read: (sample: Sample) => number) => figuresOf(samples.map(read))
  return {
    reportsPerSecond: over((sample) => sample.reportsPerSecond),
    nodeMicros: over((sample) => sample.nodeMicros),
    redisMicros: over((sample) => sample.redisMicros),
    nodeCores: over((sample) => sample.nodeCores),
    p50Ms: over((sample) => sample.p50Ms),
    p95Ms: over((sample) => sample.p95Ms),
    p99Ms: over((sample) => sample.p99Ms),
    turnedAway: over((sample) => sample.turnedAway),
  }
}
