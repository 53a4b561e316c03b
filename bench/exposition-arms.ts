import { setImmediate as turn } from 'node:timers/promises'
import { Gauge, Registry } from 'prom-client'
import type { GaugeMetric } from '../src/catalogue/index.ts'
import { ExpositionStore } from '../src/series/exposition-store.ts'

/** One way to hold and print series. Series `i` belongs to family `i % familyCount`. */
export type Arm = {
  readonly create: (index: number) => void
  readonly update: (index: number, value: number) => void
  /** Renders everything as a server would: chunk by chunk, none kept. */
  readonly render: (take: (chunk: Buffer) => void) => Promise<void>
}

export const armNames = ['own', 'prom-client'] as const
export type ArmName = (typeof armNames)[number]

const familyCount = 10
const labels = ['namespace', 'job_id', 'task', 'engine'] as const

const families = Array.from({ length: familyCount }, (_, family) => ({
  name: `enginescope_bench_family_${family}_value`,
  type: 'gauge',
  help: 'A gauge of the benchmark.',
  unit: 'count',
  labels,
  source: 'benchmark',
  group: 'task',
})) satisfies (GaugeMetric & { group: 'task' })[]

function valuesOf(index: number) {
  const task = Math.floor(index / familyCount)
  return {
    namespace: `team-${task % 20}`,
    job_id: `job-${100_000 + Math.floor(task / 3)}`,
    task: `spark-ec-${task}`,
    engine: `node-${task % 300}:38215`,
  }
}

export function armOf(name: ArmName, seriesCount: number): Arm {
  return name === 'own' ? ownArm(seriesCount) : promClientArm(seriesCount)
}

function ownArm(seriesCount: number): Arm {
  const store = new ExpositionStore({
    linesMax: { fleet: 0, engine: 0, task: seriesCount, task_metric: 0 },
    onOverflow: () => {
      throw new Error('no room')
    },
  })
  const made = families.map((family) => store.family(family))
  const handles: ({ set(value: number): void } | undefined)[] = []
  return {
    create: (index) => {
      handles[index] = made[index % familyCount]?.series(valuesOf(index))
    },
    update: (index, value) => handles[index]?.set(value),
    render: async (take) => {
      for (const chunk of store.render('text')) {
        take(chunk)
        await turn()
      }
    },
  }
}

function promClientArm(seriesCount: number): Arm {
  const registry = new Registry()
  const made = families.map(({ name, help }) => new Gauge({ name, help, labelNames: [...labels], registers: [registry] }))
  // The label objects are kept, as an application would: making them is not what is measured.
  const labelObjects = Array.from({ length: seriesCount }, (_, index) => valuesOf(index))
  const set = (index: number, value: number) => made[index % familyCount]?.set(labelObjects[index] ?? {}, value)
  return {
    create: (index) => set(index, 0),
    update: set,
    render: async (take) => take(Buffer.from(await registry.metrics())),
  }
}
