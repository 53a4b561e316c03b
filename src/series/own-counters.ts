import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { CounterMetric, GaugeMetric, HistogramMetric } from '../catalogue/index.ts'
import { BoundedValues } from './bounded-values.ts'

/** Makes prom-client's metrics out of catalogue entries, all in one registry. */
export class OwnFactory {
  readonly #registry: Registry

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** A gauge without labels, 0 from the start. */
  gauge(metric: GaugeMetric): { set(value: number): void } {
    return new Gauge({ name: metric.name, help: metric.help, registers: [this.#registry] })
  }

  /** A gauge whose values are read when they are asked for. */
  gaugeOf<M extends GaugeMetric>(
    metric: M,
    read: () => Iterable<readonly [labels: Readonly<Record<M['labels'][number], string>>, value: number]>,
  ): void {
    new Gauge({
      name: metric.name,
      help: metric.help,
      labelNames: [...metric.labels],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [labels, value] of read()) this.set(labels, value)
      },
    })
  }

  /**
   * A counter with one label, kept in a table: an increase on the hot path is a few nanoseconds.
   * @param known values that are printed from the start with 0: an increase misses the first step of a series that is born above 0.
   */
  counter(
    metric: CounterMetric,
    known: readonly string[],
    valuesMax: number = known.length,
  ): (value: string, by?: number) => void {
    const [label = ''] = metric.labels
    const values = new BoundedValues(valuesMax, known)
    const counts = new Map<string, number>(known.map((value) => [value, 0]))
    new Counter({
      name: metric.name,
      help: metric.help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [value, count] of counts) this.inc({ [label]: value }, count)
      },
    })
    return (value, by = 1) => {
      const bounded = values.of(value)
      counts.set(bounded, (counts.get(bounded) ?? 0) + by)
    }
  }

  /** A histogram without labels. */
  histogram(metric: HistogramMetric): (value: number) => void {
    const { name, help } = metric
    const histogram = new Histogram({ name, help, buckets: [...metric.buckets], registers: [this.#registry] })
    return (value) => histogram.observe(value)
  }

  /** A histogram with one label, bounded. */
  histogramBy(metric: HistogramMetric, valuesMax: number): (labelValue: string, value: number) => void {
    const [label = ''] = metric.labels
    const values = new BoundedValues(valuesMax)
    const { name, help } = metric
    const histogram = new Histogram({
      name,
      help,
      buckets: [...metric.buckets],
      labelNames: [label],
      registers: [this.#registry],
    })
    return (labelValue, value) => histogram.observe({ [label]: values.of(labelValue) }, value)
  }
}
