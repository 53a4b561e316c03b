import { type DashboardKey, dashboards } from '../../catalogue/dashboards.ts'
import type { Destination } from './model.ts'
import { consoleUrl, placeholder } from './placeholder.ts'

/** A link as panels hold it. */
export type DataLink = { readonly title: string; readonly url: string; readonly targetBlank: boolean }

/** Where a link stands: the page's variables, and the labels that are surely there. */
export type LinkPlace = {
  readonly variables: readonly string[]
  readonly labels: readonly string[]
  /** Values come from the labels of a series, or from the columns of a table. */
  readonly values: 'labels' | 'fields'
}

const titles: Readonly<Record<Destination, string>> = {
  fleet: 'Fleet overview',
  types: 'Tasks by type',
  live: 'Live tasks',
  task: 'Task detail',
  engines: 'Engines',
  ml: 'Algorithm metrics',
  logs: 'Log lines',
  self: 'Aggregator health',
  runtimes: 'Runtime Monitor',
  hub: 'EngineHub',
  sedna: 'Sedna',
  jointInference: 'Joint inference',
  incremental: 'Incremental learning',
  federated: 'Federated learning',
  console: 'Console',
  consoleJob: 'Job in the console',
  deadLetters: 'Dead letters and their reasons',
}

/** The link from a value to where it is explained, with everything filled in that is known there. */
export function dataLink(destination: Destination, place: LinkPlace): DataLink {
  const title = titles[destination]
  if (destination === 'console') return { title, url: `${consoleUrl}/`, targetBlank: true }
  if (destination === 'deadLetters') return { title, url: `${consoleUrl}/api/v1/dead-letters`, targetBlank: true }
  if (destination === 'consoleJob') return { title, url: consoleJobUrl(place), targetBlank: true }
  return { title, url: dashboardUrl(destination, place), targetBlank: false }
}

/** Only what the series has is passed, then what the page has chosen; the rest is left to the target. */
function dashboardUrl(key: DashboardKey, place: LinkPlace): string {
  const parts = dashboards[key].variables.flatMap((name) => {
    if (place.labels.includes(name)) return [`var-${name}=${valueFrom(name, place)}`]
    return place.variables.includes(name) ? [placeholder(name, 'queryparam')] : []
  })
  return `/d/${dashboards[key].uid}?${[...parts, placeholder('__url_time_range')].join('&')}`
}

function consoleJobUrl(place: LinkPlace): string {
  return `${consoleUrl}/#/jobs/${inPath('namespace', place)}/${inPath('job_id', place)}`
}

function valueFrom(name: string, { labels, values }: LinkPlace): string {
  if (!labels.includes(name)) return placeholder(name)
  return values === 'labels' ? placeholder(`__field.labels.${name}`) : placeholder(`__data.fields.${name}`)
}

/** A job's name may hold slashes: in a path they are encoded. */
function inPath(name: string, place: LinkPlace): string {
  return valueFrom(name, place).replace(/\}$/, ':percentencode}')
}
