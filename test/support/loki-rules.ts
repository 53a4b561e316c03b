/** What Loki stores, refuses and forgets, as its documentation says; single binary, default limits. */

export type LokiLimits = {
  readonly lineBytesMax: number
  readonly labelsMax: number
  readonly labelNameBytesMax: number
  readonly labelValueBytesMax: number
  readonly metadataEntriesMax: number
  readonly metadataBytesMax: number
  /** `reject_old_samples_max_age` */
  readonly ageMsMax: number
  /** `creation_grace_period` */
  readonly aheadMsMax: number
  /** Half of `max_chunk_age`: how far behind the newest line of its stream a line may lie. */
  readonly orderWindowMs: number
  /** Body after decompression. */
  readonly bodyBytesMax: number
}

export const defaultLokiLimits: LokiLimits = {
  lineBytesMax: 256 * 1024,
  labelsMax: 15,
  labelNameBytesMax: 1024,
  labelValueBytesMax: 2048,
  metadataEntriesMax: 128,
  metadataBytesMax: 64 * 1024,
  ageMsMax: 7 * 86_400_000,
  aheadMsMax: 10 * 60_000,
  orderWindowMs: 3_600_000,
  bodyBytesMax: 10 * 1024 * 1024,
}

export type StoredLine = {
  readonly stream: Readonly<Record<string, string>>
  readonly ns: string
  readonly line: string
  readonly metadata: Readonly<Record<string, string>>
}

type Stream = { readonly labels: Readonly<Record<string, string>>; newestNs: bigint; readonly known: Set<string> }
type PushedStream = { labels: Record<string, string>; values: StoredLine[] }

/** A line that would not do; `judge` may add reasons of a test's own. */
export type Judge = (line: StoredLine) => string | undefined

export class LokiStore {
  readonly lines: StoredLine[] = []
  /** Lines refused, each time they were, with the reason's word. */
  readonly refused: { readonly line: StoredLine; readonly reason: string }[] = []
  /** Repeats of equal stream, ns, line and metadata that were dropped. */
  repeats = 0
  /** Things that Loki takes but a good client does not do. */
  readonly faults: string[] = []
  judge: Judge = () => undefined
  readonly #limits: LokiLimits
  readonly #now: () => number
  readonly #streams = new Map<string, Stream>()

  constructor(limits: LokiLimits, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  /** Takes what is good of a push, and says what was not. @throws Error for a body that cannot be parsed */
  push(text: string): { status: 204 } | { status: 400; body: string } {
    const streams = parsePush(text)
    if (new Set(streams.map((stream) => keyOf(stream.labels))).size < streams.length) {
      this.faults.push('two stream objects with the same labels in one push')
    }
    const errors = streams.flatMap((stream) => this.#pushStream(stream))
    return errors.length === 0 ? { status: 204 } : { status: 400, body: `${errors.slice(0, 10).join('\n')}\n` }
  }

  #pushStream({ labels, values }: PushedStream): string[] {
    const fault = this.#labelFault(labels)
    if (fault !== undefined) {
      for (const line of values) this.refused.push({ line, reason: fault })
      return [fault]
    }
    if (values.some((value, at) => BigInt(value.ns) < BigInt(values[at - 1]?.ns ?? value.ns))) {
      this.faults.push('values of a stream out of order')
    }
    return values.flatMap((line) => {
      const reason = this.#lineFault(line) ?? this.judge(line)
      if (reason === undefined) this.#store(line)
      else this.refused.push({ line, reason })
      return reason === undefined ? [] : [`entry with timestamp ${line.ns} refused, reason: '${reason}'`]
    })
  }

  #store(line: StoredLine): void {
    const key = keyOf(line.stream)
    const stream = this.#streams.get(key) ?? { labels: line.stream, newestNs: 0n, known: new Set<string>() }
    this.#streams.set(key, stream)
    const identity = JSON.stringify([line.ns, line.line, Object.entries(line.metadata).sort()])
    const ns = BigInt(line.ns)
    if (ns > stream.newestNs) stream.newestNs = ns
    if (stream.known.has(identity)) {
      this.repeats++
      return
    }
    stream.known.add(identity)
    this.lines.push(line)
  }

  #labelFault(labels: Record<string, string>): string | undefined {
    const limits = this.#limits
    const names = Object.keys(labels)
    if (names.length === 0) return 'missing_labels'
    if (names.length > limits.labelsMax) return 'max_label_names_per_series'
    for (const [name, value] of Object.entries(labels)) {
      if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) return 'invalid_labels'
      if (Buffer.byteLength(name) > limits.labelNameBytesMax) return 'label_name_too_long'
      if (Buffer.byteLength(value) > limits.labelValueBytesMax) return 'label_value_too_long'
    }
    return undefined
  }

  #lineFault(line: StoredLine): string | undefined {
    const limits = this.#limits
    const ms = Number(BigInt(line.ns) / 1_000_000n)
    if (Buffer.byteLength(line.line) > limits.lineBytesMax) return 'line_too_long'
    if (ms < this.#now() - limits.ageMsMax) return 'greater_than_max_sample_age'
    if (ms > this.#now() + limits.aheadMsMax) return 'too_far_in_future'
    const newestNs = this.#streams.get(keyOf(line.stream))?.newestNs ?? 0n
    if (BigInt(line.ns) < newestNs - BigInt(limits.orderWindowMs) * 1_000_000n) return 'too_far_behind'
    const metadata = Object.entries(line.metadata)
    if (metadata.length > limits.metadataEntriesMax) return 'structured_metadata_too_many'
    const bytes = metadata.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0)
    return bytes > limits.metadataBytesMax ? 'structured_metadata_too_large' : undefined
  }
}

/** A label set as text, whatever the order of its labels. */
function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort())
}

function parsePush(text: string): PushedStream[] {
  const body: unknown = JSON.parse(text)
  if (!isObject(body) || !Array.isArray(body['streams'])) throw new Error('no streams')
  return body['streams'].map((stream: unknown) => {
    if (!isObject(stream) || !isTexts(stream['stream']) || !Array.isArray(stream['values'])) throw new Error('no stream')
    const labels = stream['stream']
    return { labels, values: stream['values'].map((value: unknown) => parseValue(labels, value)) }
  })
}

function parseValue(stream: Record<string, string>, value: unknown): StoredLine {
  const [ns, line, metadata = {}, ...rest]: unknown[] = Array.isArray(value) ? value : []
  if (typeof ns !== 'string' || !/^\d+$/.test(ns)) throw new Error('time is not text of digits')
  if (typeof line !== 'string' || !isTexts(metadata) || rest.length > 0) throw new Error('no value')
  return { stream, ns, line, metadata }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTexts(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((one) => typeof one === 'string')
}
