import { dashboards } from '../../../catalogue/dashboards.ts'
import { metrics } from '../../../catalogue/index.ts'
import { like, oneOf } from '../../../catalogue/select.ts'
import { colours } from '../colours.ts'
import type { Page, Row } from '../model.ts'
import { stackedBars, timeSeries } from '../panels/graph.ts'
import { stat } from '../panels/single.ts'
import { logLines } from '../panels/text.ts'
import { anyIs, rising } from '../panels/thresholds.ts'
import { increase, max, rate, sum, sumBy } from '../query/expression.ts'
import { containing, countBy, linesOf } from '../query/logql.ts'
import { scopeOf } from '../query/selector.ts'

const { variables } = dashboards.logs
const { series } = scopeOf(['job'])

const chosen = containing(linesOf(variables, [], { level: like('$level') }), 'search')
const errors = containing(linesOf(variables, [], { level: oneOf('ERROR', 'FATAL') }), 'search')

const volume: Row = {
  title: 'How much',
  panels: [
    stackedBars({
      title: 'Volume by level',
      description: 'How many lines are written, and how grave are they?',
      targets: [{ expression: countBy(['level'], chosen, '$__auto'), legend: '{{level}}' }],
      decimals: 0,
      width: 12,
      height: 7,
    }),
    stackedBars({
      title: 'Volume by engine type',
      description: 'Which kind of engine writes how many lines?',
      targets: [{ expression: countBy(['engine_type'], chosen, '$__auto'), legend: '{{engine_type}}' }],
      decimals: 0,
      width: 12,
      height: 7,
    }),
  ],
}

const lines: Row = {
  title: 'Lines',
  panels: [
    logLines({
      title: 'Error lines',
      description: 'What went wrong?',
      targets: [{ expression: errors }],
      width: 24,
      height: 9,
    }),
    logLines({
      title: 'Log lines',
      description: 'What was written at the levels and with the text chosen above?',
      targets: [{ expression: chosen }],
      width: 24,
      height: 14,
    }),
  ],
}

const shipping: Row = {
  title: 'On the way to Loki',
  panels: [
    timeSeries({
      title: 'Lines by outcome',
      description: 'How many lines arrive, and what becomes of them?',
      targets: [{ expression: sumBy(['outcome'], rate(series(metrics.logLines))), legend: '{{outcome}}' }],
      links: ['self'],
      width: 12,
      height: 7,
    }),
    timeSeries({
      title: 'Shipping lag',
      description: 'How long has the oldest line waited for Loki?',
      targets: [{ expression: max(series(metrics.logOutboxAge)), legend: 'oldest line' }],
      thresholds: rising(30, 120),
      links: ['self'],
      width: 6,
      height: 7,
    }),
    stat({
      title: 'Dead letters',
      description: 'How many lines did Loki refuse for good in the time range? They are kept, to be sent again or deleted.',
      targets: [
        {
          expression: sum(increase(series(metrics.logLines, { outcome: 'dead_lettered' }), '$__range')),
          legend: 'dead letters',
          isInstant: true,
        },
      ],
      thresholds: anyIs(colours.bad),
      links: ['deadLetters', 'self'],
      decimals: 0,
      width: 6,
      height: 7,
    }),
  ],
}

/** Lines of all engines. */
export const logsPage: Page = {
  key: 'logs',
  description: 'What did the engines write, and does it reach Loki?',
  audience:
    '**For whoever searches.** Lines of all engines, narrowed by what is chosen above; the search box takes text as it is. ' +
    'Open a line to come to its job. For patterns among many lines open the panel in Explore.',
  rows: [volume, lines, shipping],
  from: '6h',
  refresh: '30s',
  needsLoki: true,
}
