import { dashboards } from '../../../catalogue/dashboards.ts'
import { metrics } from '../../../catalogue/index.ts'
import { like } from '../../../catalogue/select.ts'
import type { TaskType } from '../../../catalogue/task-types.ts'
import type { Page, Row } from '../model.ts'
import { timeSeries } from '../panels/graph.ts'
import { logLines } from '../panels/text.ts'
import { maxBy } from '../query/expression.ts'
import { linesOf } from '../query/logql.ts'
import { scopeOf } from '../query/selector.ts'
import { taskTypeRow } from './task-type-row.ts'

const { variables } = dashboards.ml
const page = scopeOf(variables)

/** Numbers that a task says of itself and no entry describes. */
const unknownMetrics: Row = {
  title: 'Whatever else tasks say of themselves',
  panels: [
    timeSeries({
      title: 'Numbers that no catalogue entry describes',
      description: 'Which numbers do tasks send that are not described in the catalogue, and how do they move?',
      targets: [
        {
          expression: maxBy(['namespace', 'job_id', 'task', 'name'], page.series(metrics.taskMetric)),
          legend: '{{job_id}} {{task}} {{name}}',
        },
      ],
      width: 24,
      height: 10,
    }),
    logLines({
      title: 'Log lines',
      description: 'What did the tasks of the chosen types and jobs write?',
      targets: [{ expression: linesOf(variables, [{ job_id: like('$job_id') }]) }],
      width: 24,
      height: 10,
    }),
  ],
}

/** Metrics that tasks report beside their progress, one row for each type that the catalogue knows. */
export function mlPage(types: readonly TaskType[]): Page {
  return {
    key: 'ml',
    description: 'What do learning tasks and other algorithms say of themselves?',
    audience:
      '**For whoever trains and serves models.** Numbers that tasks report beside their progress. Types of task that the ' +
      'catalogue describes have a row of their own; every other number is in the last row.',
    rows: [...types.filter(hasSeries).map((type) => taskTypeRow(type, page)), unknownMetrics],
    from: '6h',
    refresh: '30s',
    needsLoki: true,
  }
}

/** Learning types have dashboards of their own, and some types are known by name alone. */
function hasSeries({ learning, numbers, states, infos }: TaskType): boolean {
  return learning === undefined && numbers.length + states.length + infos.length > 0
}
