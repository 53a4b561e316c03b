import type { MetricObjectWithValues, MetricValue } from 'prom-client'
import { boundText, type ExpositionFormat, escapeLabelValue, familyHeader, numberText } from './exposition-text.ts'

/** A family as prom-client hands it out; the parts of a histogram carry names of their own. */
type OwnFamily = MetricObjectWithValues<MetricValue<string> & { readonly metricName?: string }>

/**
 * The families of a registry as text. prom-client's own rendering has one content type a registry, renames its counters while it
 * runs, and prints bounds without a decimal point.
 */
export function ownText(families: readonly OwnFamily[], format: ExpositionFormat): string {
  return families.map((family) => familyText(family, format)).join('')
}

function familyText(family: OwnFamily, format: ExpositionFormat): string {
  // Some gauges of the process are NaN until something was measured; that is no value.
  const lines = family.values.filter(({ value }) => !Number.isNaN(value)).map((sample) => sampleText(family.name, sample))
  if (lines.length === 0) return ''
  return familyHeader({ ...family, type: typeOf(family) }, format) + lines.join('')
}

/** The type is a word in what is handed out, though declared as an enum. */
function typeOf({ type }: OwnFamily): 'gauge' | 'counter' | 'histogram' {
  const word = String(type)
  return word === 'counter' || word === 'histogram' ? word : 'gauge'
}

function sampleText(familyName: string, { metricName = familyName, labels, value }: OwnFamily['values'][number]): string {
  const pairs = Object.entries(labels).map(([label, text = '']) => `${label}="${labelText(label, text)}"`)
  return `${metricName}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${numberText(value)}\n`
}

function labelText(label: string, value: string | number): string {
  return label === 'le' && typeof value === 'number' ? boundText(value) : escapeLabelValue(String(value))
}
