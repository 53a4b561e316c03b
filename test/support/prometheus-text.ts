/**
 * A second, strict reader of Prometheus' text format 0.0.4, written from the format's description and not from our
 * writer, so that the two can be held against each other. It refuses what Prometheus lets pass but a reader may not.
 */
export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped'

export type MetricSample = {
  /** As printed: a family's name, or that with `_bucket`, `_sum`, `_count`. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export type MetricFamily = {
  readonly type: MetricType
  /** `''` when there is no HELP line. */
  readonly help: string
  readonly samples: MetricSample[]
}

type Family = { type?: MetricType; help?: string; readonly samples: MetricSample[]; readonly seen: Set<string> }

const metricName = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const commentLine = new RegExp(`^# (HELP|TYPE) (${metricName})(?: (.*))?$`)
const sampleLine = new RegExp(`^(${metricName})(\\{.*\\})? +(\\S+)$`)
const labelPair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"/y
const number = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]Inf)$/
const types: readonly string[] = ['counter', 'gauge', 'histogram', 'summary', 'untyped']

/**
 * Reads one exposition into its families, by name.
 * @throws naming the line, for: a missing last newline, a bad name, number or escape, a family in two places, HELP or
 * TYPE twice or behind samples, a label twice, a sample twice, a timestamp, and histograms that do not add up
 */
export function parsePrometheusText(text: string): Map<string, MetricFamily> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line does not end with a newline')
  const reader = new ExpositionReader()
  for (const [i, line] of text.split('\n').entries()) {
    try {
      reader.read(line)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`line ${i + 1}: ${why}: ${line.slice(0, 300)}`, { cause })
    }
  }
  return reader.finish()
}

/**
 * The value of the one sample that has these labels (and perhaps more); undefined when there is none.
 * @param name as printed, e.g. `enginescope_task_duration_seconds_count`
 * @throws when several fit
 */
export function sampleValue(
  families: ReadonlyMap<string, MetricFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const fitting = samplesOf(families, name, labels)
  if (fitting.length > 1) throw new Error(`${fitting.length} samples of ${name} fit ${JSON.stringify(labels)}`)
  return fitting[0]?.value
}

/** Every sample of that name which has these labels (and perhaps more). */
export function samplesOf(
  families: ReadonlyMap<string, MetricFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): MetricSample[] {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''))
  const wanted = Object.entries(labels)
  return (family?.samples ?? []).filter(
    (sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value),
  )
}

class ExpositionReader {
  readonly #families = new Map<string, Family>()
  #current: string | undefined

  read(line: string): void {
    if (line === '') return
    if (line.startsWith('#')) this.#readComment(line)
    else this.#readSample(line)
  }

  finish(): Map<string, MetricFamily> {
    const complete = [...this.#families].map(([name, { type = 'untyped', help = '', samples }]) => {
      if (type === 'histogram') checkHistogram(name, samples)
      return [name, { type, help, samples }] as const
    })
    return new Map(complete)
  }

  #readComment(line: string): void {
    const [, keyword, name = '', rest = ''] = commentLine.exec(line) ?? []
    if (keyword === undefined) {
      if (/^#\s*(HELP|TYPE)\b/.test(line)) throw new Error('HELP or TYPE out of form')
      return
    }
    const family = this.#enter(name)
    if (family.samples.length > 0) throw new Error(`${keyword} behind the samples of ${name}`)
    if (keyword === 'HELP') {
      if (family.help !== undefined) throw new Error('second HELP')
      family.help = plainOf(rest, { '\\': '\\', n: '\n' })
    } else {
      if (family.type !== undefined) throw new Error('second TYPE')
      if (!types.includes(rest)) throw new Error(`no such type: ${rest}`)
      family.type = rest as MetricType
    }
  }

  #readSample(line: string): void {
    const [, name = '', labelText = '', valueText = ''] = sampleLine.exec(line) ?? []
    if (name === '') throw new Error('not a sample')
    if (!number.test(valueText)) throw new Error(`not a number: ${valueText}`)
    const labels = parseLabels(labelText)
    const familyName = this.#familyOf(name)
    const family = this.#enter(familyName)
    const identity = JSON.stringify([name, ...Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))])
    if (family.seen.has(identity)) throw new Error('the same sample twice')
    family.seen.add(identity)
    checkReservedLabels(name, familyName, family.type, labels)
    family.samples.push({ name, labels, value: parseValue(valueText) })
  }

  /** `x_count` belongs to `x` only where `x` is a histogram or a summary. */
  #familyOf(name: string): string {
    const [, stem = '', suffix] = /^(.*)_(bucket|sum|count)$/.exec(name) ?? []
    const type = this.#families.get(stem)?.type
    const hasParts = type === 'histogram' || (type === 'summary' && suffix !== 'bucket')
    return hasParts ? stem : name
  }

  #enter(name: string): Family {
    const known = this.#families.get(name)
    if (known !== undefined && this.#current !== name) throw new Error(`${name} in two places`)
    this.#current = name
    const family = known ?? { samples: [], seen: new Set<string>() }
    this.#families.set(name, family)
    return family
  }
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  if (text === '') return labels
  const end = text.length - 1
  for (let at = 1; at < end; ) {
    labelPair.lastIndex = at
    const [pair, name, value] = labelPair.exec(text) ?? []
    if (pair === undefined || name === undefined || value === undefined)
      throw new Error(`labels out of form at ${text.slice(at)}`)
    if (name === '__name__') throw new Error('the name as a label')
    if (Object.hasOwn(labels, name)) throw new Error(`label ${name} twice`)
    labels[name] = plainOf(value, { '\\': '\\', '"': '"', n: '\n' })
    at += pair.length
    if (at < end && text[at] !== ',') throw new Error(`no comma at ${text.slice(at)}`)
    at++
  }
  return labels
}

function plainOf(text: string, meaning: Readonly<Record<string, string>>): string {
  return text.replace(/\\(.?)/g, (whole, letter: string) => {
    const plain = meaning[letter]
    if (plain === undefined) throw new Error(`bad escape ${whole}`)
    return plain
  })
}

function parseValue(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text)
}

function checkReservedLabels(name: string, family: string, type: MetricType | undefined, labels: Record<string, string>): void {
  const isBucket = type === 'histogram' && name === `${family}_bucket`
  if (isBucket !== Object.hasOwn(labels, 'le')) throw new Error(isBucket ? 'bucket without le' : 'le outside a bucket')
  if (type === 'histogram' && name === family) throw new Error('a bare sample of a histogram')
}

/** Per label set: bounds rise, counts never fall, `+Inf` is there and equals `_count`, `_sum` is there. */
function checkHistogram(name: string, samples: readonly MetricSample[]): void {
  const groups = new Map<string, MetricSample[]>()
  for (const sample of samples) {
    const { le: _, ...others } = sample.labels
    const key = JSON.stringify(Object.entries(others).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  for (const [labels, group] of groups) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`)
    const count = group.find((sample) => sample.name === `${name}_count`)?.value
    const last = buckets.at(-1)
    const where = `histogram ${name} ${labels}`
    if (last?.labels['le'] !== '+Inf' || last.value !== count) throw new Error(`${where}: +Inf is not its count`)
    if (!group.some((sample) => sample.name === `${name}_sum`)) throw new Error(`${where}: no sum`)
    const isRising = buckets.every((bucket, i) => i === 0 || follows(buckets[i - 1], bucket))
    if (!isRising) throw new Error(`${where}: buckets do not rise`)
  }
}

function follows(before: MetricSample | undefined, bucket: MetricSample): boolean {
  const bound = (sample: MetricSample | undefined) => parseValue(sample?.labels['le'] ?? 'NaN')
  return before !== undefined && bound(bucket) > bound(before) && bucket.value >= before.value
}
