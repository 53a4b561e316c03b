import { dashboards } from '../../../catalogue/dashboards.ts'
import { metrics } from '../../../catalogue/index.ts'
import { flagMappings } from '../colours.ts'
import type { Page, Row } from '../model.ts'
import { bars, stackedBars, steps, timeSeries } from '../panels/graph.ts'
import { barGauge } from '../panels/single.ts'
import { table } from '../panels/table.ts'
import { reportAge, rising } from '../panels/thresholds.ts'
import { stateTimeline } from '../panels/timeline.ts'
import { above, divide, increase, largest, maxBy, overBy, rate, sumBy, timeSince } from '../query/expression.ts'
import { scopeOf } from '../query/selector.ts'

const { series } = scopeOf(dashboards.engines.variables)

const liveness: Row = {
  title: 'Liveness',
  panels: [
    stateTimeline({
      title: 'Liveness',
      description: 'Which engine reported in time, and when did it fall silent?',
      targets: [{ expression: maxBy(['engine', 'engine_type'], series(metrics.engineUp)), legend: '{{engine}}' }],
      mappings: flagMappings(['live', 'green'], ['silent', 'red']),
      width: 16,
      height: 9,
    }),
    table(
      { title: 'Report age', description: 'How long has each engine been silent?', width: 8, height: 9 },
      [{ expression: timeSince(maxBy(['engine', 'engine_type'], series(metrics.engineLastReport))) }],
      [
        { of: { label: 'engine' }, title: 'Engine', links: ['logs', 'live'] },
        { of: { label: 'engine_type' }, title: 'Type' },
        { of: { query: 0 }, title: 'Last report', widthPixels: 110, thresholds: reportAge },
      ],
    ),
    steps({
      title: 'Engines by state',
      description: 'How many engines of each type are live, suspect or lost?',
      targets: [{ expression: sumBy(['engine_type', 'state'], series(metrics.engines)), legend: '{{engine_type}} {{state}}' }],
      decimals: 0,
      width: 8,
      height: 8,
    }),
    bars({
      title: 'Restarts',
      description: 'Which engine started anew, and when?',
      targets: [
        {
          expression: maxBy(['engine', 'engine_type'], increase(series(metrics.engineRestarts), '$__interval')),
          legend: '{{engine}}',
        },
      ],
      decimals: 0,
      width: 8,
      height: 8,
    }),
    table(
      { title: 'Versions', description: 'Which versions are in use, and on how many engines?', width: 8, height: 8 },
      [{ expression: overBy('count', ['engine_type', 'version'], series(metrics.engineInfo)) }],
      [
        { of: { label: 'engine_type' }, title: 'Type', links: ['logs'] },
        { of: { label: 'version' }, title: 'Version' },
        { of: { query: 0 }, title: 'Engines', widthPixels: 90 },
      ],
    ),
  ],
}

const work: Row = {
  title: 'Work',
  panels: [
    steps({
      title: 'Running and limit',
      description: 'How many tasks does each engine run, and how many could it?',
      targets: [
        { expression: maxBy(['engine'], series(metrics.engineTasks, { state: 'running' })), legend: '{{engine}}' },
        { expression: maxBy(['engine'], series(metrics.engineTaskLimit)), legend: '{{engine}} limit', isCapacity: true },
      ],
      decimals: 0,
      width: 12,
      height: 8,
    }),
    steps({
      title: 'Pending',
      description: 'How many tasks wait inside each engine?',
      targets: [{ expression: maxBy(['engine'], series(metrics.engineTasks, { state: 'pending' })), legend: '{{engine}}' }],
      decimals: 0,
      width: 12,
      height: 8,
    }),
    stackedBars({
      title: 'Finished by engine',
      description: 'Which engines end how many tasks, and how?',
      targets: [
        {
          expression: largest(20, sumBy(['engine', 'status'], increase(series(metrics.engineTasksFinished), '$__interval'))),
          legend: '{{engine}} {{status}}',
        },
      ],
      decimals: 0,
      width: 12,
      height: 8,
    }),
    barGauge({
      title: 'Failure share by engine',
      description: 'On which engines does the largest share of tasks fail in the time range?',
      targets: [
        {
          expression: largest(
            10,
            divide(
              sumBy(['engine'], increase(series(metrics.engineTasksFinished, { status: 'failed' }), '$__range')),
              above(0, sumBy(['engine'], increase(series(metrics.engineTasksFinished), '$__range'))),
            ),
          ),
          legend: '{{engine}}',
          isInstant: true,
        },
      ],
      thresholds: rising(0.01, 0.05),
      min: 0,
      max: 1,
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'CPU of tasks',
      description: 'How many cores do the tasks of each engine keep busy?',
      targets: [{ expression: sumBy(['engine'], rate(series(metrics.taskUsageCpu))), legend: '{{engine}}' }],
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Memory of tasks',
      description: 'How much memory do the tasks of each engine use?',
      targets: [{ expression: sumBy(['engine'], series(metrics.taskUsageMemory)), legend: '{{engine}}' }],
      width: 12,
      height: 8,
    }),
    timeSeries({
      title: 'Time by state',
      description: 'Which share of its time does each engine spend idle, busy or locked, where it says so?',
      targets: [
        { expression: sumBy(['engine', 'state'], rate(series(metrics.engineStateSeconds))), legend: '{{engine}} {{state}}' },
      ],
      unit: 'percentunit',
      max: 1,
      width: 24,
      height: 7,
    }),
  ],
}

/** The processes that execute tasks. */
export const enginesPage: Page = {
  key: 'engines',
  description: 'Which engines are alive, how busy are they, and which of them fail?',
  audience:
    '**For whoever runs the engines.** Which are alive, how busy they are, which fail or start over. Graphs show one line ' +
    'for each engine: choose a few above when there are many.',
  rows: [liveness, work],
  from: '6h',
  refresh: '30s',
  needsLoki: true,
}
