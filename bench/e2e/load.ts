/** The load: what engines would report, seeded, never the same body twice, with what must come of every report. */
import { randomFrom } from '../statistics.ts'

/** Roughly the bytes of one report: a bare one, a usual one (25 numbers become series), one with many stages and log lines. */
export const reportSizes = ['0.3', '1.1', '8'] as const
export type ReportSize = (typeof reportSizes)[number]

/** Shares of reports that do not come as they should, each 0..1. */
export type Shares = { readonly outOfOrder: number; readonly duplicate: number; readonly invalid: number }

export type LoadOrder = {
  readonly seed: number
  /** Makes ids differ between connections. */
  readonly connection: number
  readonly enginesPerConnection: number
  readonly tasksPerEngine: number
  readonly shares: Shares
}

/** How many reports of a body are to be judged in which way. */
export type Expected = { applied: number; late: number; duplicate: number; rejected: number }

export type Body = { readonly text: string; readonly expected: Expected }

/** What the newest report of a live task said. */
export type LastWord = { readonly task: string; readonly progress: number }

type Task = { readonly engine: number; readonly id: string; seq: number; progress: number }
type Kind = keyof Expected

/** A task ends after so many reports, and another begins in its place. */
const reportsPerTask = 200
const incarnation = new Date(Date.now() - 60_000).toISOString()

/** The reports of one connection: it speaks for some engines, all of their tasks in turn. */
export class Load {
  readonly #order: LoadOrder
  readonly #random: () => number
  readonly #tasks: Task[]
  readonly #finished: number[]
  /** Reports that were made and are to be sent next. */
  readonly #waiting: { readonly text: string; readonly kind: Kind }[] = []
  #next = 0
  #begun = 0

  constructor(order: LoadOrder) {
    this.#order = order
    this.#random = randomFrom(order.seed * 1_000 + order.connection)
    this.#finished = Array.from({ length: order.enginesPerConnection }, () => 0)
    const count = order.enginesPerConnection * order.tasksPerEngine
    this.#tasks = Array.from({ length: count }, (_, i) => this.#newTask(i % order.enginesPerConnection))
  }

  /** The live tasks that have reported. */
  lastWords(): LastWord[] {
    return this.#tasks.filter(({ seq }) => seq > 0).map(({ id, progress }) => ({ task: id, progress }))
  }

  body(batch: number, size: ReportSize): Body {
    const expected: Expected = { applied: 0, late: 0, duplicate: 0, rejected: 0 }
    const texts: string[] = []
    while (texts.length < batch) {
      const { text, kind } = this.#waiting.shift() ?? this.#make(size)
      texts.push(text)
      expected[kind] += 1
    }
    return { text: batch === 1 ? (texts[0] ?? '') : `[${texts.join(',')}]`, expected }
  }

  #make(size: ReportSize): { readonly text: string; readonly kind: Kind } {
    const { shares } = this.#order
    const at = this.#next
    this.#next = (at + 1) % this.#tasks.length
    const task = this.#tasks[at] as Task
    const draw = this.#random()
    if (draw < shares.invalid) return { text: this.#text(task, task.seq + 1, size, 'Flying'), kind: 'rejected' }
    if (task.seq >= reportsPerTask) return this.#end(at, task, size)
    if (draw < shares.invalid + shares.outOfOrder) return this.#swapped(task, size)
    task.seq += 1
    const text = this.#text(task, task.seq, size)
    if (draw < shares.invalid + shares.outOfOrder + shares.duplicate) this.#waiting.push({ text, kind: 'duplicate' })
    return { text, kind: 'applied' }
  }

  #end(at: number, task: Task, size: ReportSize): { readonly text: string; readonly kind: Kind } {
    this.#finished[task.engine] = (this.#finished[task.engine] ?? 0) + 1
    this.#tasks[at] = this.#newTask(task.engine)
    return { text: this.#text(task, task.seq + 1, size, 'Succeed'), kind: 'applied' }
  }

  /** Two reports in the wrong order. */
  #swapped(task: Task, size: ReportSize): { readonly text: string; readonly kind: Kind } {
    const late = this.#text(task, task.seq + 1, size)
    task.seq += 2
    this.#waiting.push({ text: late, kind: 'late' })
    return { text: this.#text(task, task.seq, size), kind: 'applied' }
  }

  #newTask(engine: number): Task {
    this.#begun += 1
    return { engine, id: `c${this.#order.connection}-${this.#begun}`, seq: 0, progress: 0 }
  }

  #whole(max: number): number {
    return Math.floor(this.#random() * max)
  }

  #text(task: Task, seq: number, size: ReportSize, status = 'Running'): string {
    const progress = status === 'Succeed' ? 1 : Math.round((0.98 * seq * 1e6) / (reportsPerTask + 1)) / 1e6
    if (status === 'Running') task.progress = Math.max(task.progress, progress)
    const instance = `node-${this.#order.connection}:${4_000 + task.engine}`
    const who = `"jobId":"job-${task.id}","execId":"${task.id}","taskType":"sql","seq":${seq},"status":"${status}","progress":${progress}`
    if (size === '0.3') {
      const usage = `"usage":{"cpuSeconds":${seq * 3},"memoryBytes":${this.#whole(1e9)}}`
      return `{${who},"engine":{"instance":"${instance}","incarnation":"${incarnation}","engineType":"spark"},${usage}}`
    }
    const stages = size === '1.1' ? 3 : 24
    const lines = size === '1.1' ? 1 : 24
    const metrics = size === '1.1' ? 10 : 40
    return `{${who},"reportedAt":${Date.now()},${this.#engineText(task, instance)},${this.#workText(seq, stages, metrics, lines)}}`
  }

  #engineText(task: Task, instance: string): string {
    const engine =
      `"engine":{"instance":"${instance}","engineType":"spark","engineVersion":"3.4.4","incarnation":"${incarnation}",` +
      `"ticketId":"6f1c0a52","ecmInstance":"node-07:9102","node":"node-${this.#order.connection}","user":"etl","creator":"IDE","status":"Busy"}`
    const finished = this.#finished[task.engine] ?? 0
    const running = this.#order.tasksPerEngine
    return `${engine},"engineTaskCounts":{"running":${running},"pending":${this.#whole(5)},"succeeded":${finished},"failed":0,"limit":50}`
  }

  #workText(seq: number, stages: number, metrics: number, lines: number): string {
    const stageText = texts(stages, (i) => {
      const succeeded = this.#whole(100)
      return `{"id":"stage-${i}","totalTasks":120,"runningTasks":${this.#whole(16)},"failedTasks":0,"succeedTasks":${succeeded}}`
    })
    const resourceText = texts(2, (i) => {
      const held = `"queueMemory":${this.#whole(64) * 2 ** 30},"queueCores":${this.#whole(64)},"queueInstances":${this.#whole(16)}`
      return `"application_1_${i}":{${held},"jobStatus":"RUNNING","queue":"root.etl"}`
    })
    const metricText = texts(metrics, (i) => `"metric${i}":${this.#whole(1e6) / 1000}`)
    const lineText = texts(lines, (i) => {
      const line = `stage ${i}: shuffled ${this.#whole(1e6)} records of part ${seq} with ${this.#whole(1e4)} spills`
      return `{"ts":${Date.now()},"level":"INFO","line":"${line}"}`
    })
    const usage = `"usage":{"cpuSeconds":${seq * 3},"memoryBytes":${this.#whole(1e9)}}`
    const work = `"progressInfo":[${stageText}],"resourceMap":{${resourceText}},${usage}`
    return `${work},"algorithmMetrics":{${metricText}},"logs":[${lineText}]`
  }
}

function texts(count: number, make: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => make(index)).join(',')
}
