import type { MetricUnit } from '../../catalogue/metric.ts'
import type { Expression } from './query/expression.ts'

/** Units of Grafana that panels use. `short` is a plain number, `ops` a number per second. */
export type GrafanaUnit = 'short' | 's' | 'bytes' | 'Bps' | 'ops' | 'percentunit' | 'dateTimeAsIso' | 'none'

const units: Readonly<Record<MetricUnit, GrafanaUnit>> = {
  seconds: 's',
  timestamp: 'dateTimeAsIso',
  bytes: 'bytes',
  ratio: 'percentunit',
  cores: 'short',
  count: 'short',
  flag: 'none',
  info: 'none',
}

/** The unit in which Grafana shows an expression, which has it from the catalogue. A rate of seconds is a number of cores. */
export function unitOf({ unit, isRate }: Pick<Expression, 'unit' | 'isRate'>): GrafanaUnit {
  if (!isRate) return units[unit]
  if (unit === 'bytes') return 'Bps'
  return unit === 'count' ? 'ops' : 'short'
}
