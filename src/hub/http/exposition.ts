/** What the catalogue says of a series; handed in, since the hub imports no catalogue. */
export type Family = {
  readonly name: string
  readonly type: 'gauge' | 'counter' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  readonly buckets?: readonly number[]
}

export type Labels = Readonly<Record<string, string>>
/** A histogram, and what the names of its counters begin with; those of several are added up. */
export type HistogramOf = { readonly labels: Labels; readonly names: readonly string[] }

/** Series in Prometheus's text format 0.0.4. */
export class Exposition {
  readonly #lines: string[] = []

  family(family: Family, samples: readonly (readonly [Labels, number])[]): void {
    if (samples.length === 0) return
    this.#head(family)
    for (const [labels, value] of samples) this.#sample(family.name, labels, value)
  }

  histograms(family: Family, series: readonly HistogramOf[], count: (name: string) => number): void {
    if (series.length === 0) return
    this.#head(family)
    for (const { labels, names } of series) {
      const sum = (part: number | 'sum') => names.reduce((all, name) => all + count(`${name}:${part}`), 0)
      let total = 0
      for (const [at, bound] of [...(family.buckets ?? []), Number.POSITIVE_INFINITY].entries()) {
        total += sum(at)
        this.#sample(`${family.name}_bucket`, { ...labels, le: boundText(bound) }, total)
      }
      this.#sample(`${family.name}_sum`, labels, sum('sum'))
      this.#sample(`${family.name}_count`, labels, total)
    }
  }

  toString(): string {
    return this.#lines.length === 0 ? '' : `${this.#lines.join('\n')}\n`
  }

  #head({ name, help, type }: Family): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
  }

  #sample(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
    this.#lines.push(`${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`)
  }
}

/** Bounds are printed with a decimal point, as OpenMetrics wants them: one series stays one, however it is scraped. */
function boundText(bound: number): string {
  if (bound === Number.POSITIVE_INFINITY) return '+Inf'
  return Number.isInteger(bound) ? `${bound}.0` : String(bound)
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
