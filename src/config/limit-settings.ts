import { size, whole } from './kinds.ts'
import { given, optional, path } from './setting.ts'

/** How much of everything is taken, kept and shown. */
export const limitSettings = {
  taskTypesFile: optional('limits', 'taskTypes', path, 'File of task types of your own: their metrics, states and facts.'),
  taskSeriesMax: given(
    'limits',
    'taskSeriesMax',
    whole(0, 1_000_000),
    '10000',
    'Live tasks with series of their own; the rest is only in the fleet series.',
  ),
  metricNamesMax: given('limits', 'metricNamesMax', whole(0, 1000), '32', 'Names of uncatalogued metrics per task type.'),
  namespacesMax: given('limits', 'namespacesMax', whole(1, 100_000), '1000', 'Values of the label namespace; beyond it: other.'),
  taskTypesMax: given('limits', 'taskTypesMax', whole(1, 10_000), '100', 'Values of the label task_type; beyond it: other.'),
  engineTypesMax: given(
    'limits',
    'engineTypesMax',
    whole(1, 10_000),
    '100',
    'Values of the label engine_type; beyond it: other.',
  ),
  openJobsMax: given('limits', 'openJobsMax', whole(1, 10_000_000), '100000', 'Open jobs of one namespace.'),
  historySamplesMax: given('limits', 'historySamplesMax', whole(2, 100_000), '1000', 'Samples kept of the history of one job.'),
  gapRangesMax: given('limits', 'gapRangesMax', whole(1, 1024), '64', 'Ranges of missing reports kept per task.'),
  gapRangesAnswered: given(
    'limits',
    'gapRangesAnswered',
    whole(1, 64),
    '16',
    'Ranges of missing reports named in one answer, newest first.',
  ),
  bodyMaxBytes: given('limits', 'bodyMax', size('1KiB', '256MiB'), '4MiB', 'Body of a request after inflation.'),
  inFlightMaxBytes: given(
    'limits',
    'inFlightMax',
    size('1MiB', '16GiB'),
    '64MiB',
    'Bodies being read at once, together; beyond it: 503.',
  ),
  reportsMax: given('limits', 'reportsMax', whole(1, 100_000), '1000', 'Reports of one request.'),
  linesMax: given('limits', 'linesMax', whole(1, 100_000), '1000', 'Log lines of one report.'),
  metricsMax: given('limits', 'metricsMax', whole(1, 10_000), '256', 'Algorithm metrics of one report.'),
  idLengthMax: given('limits', 'idLengthMax', whole(8, 1000, 'characters'), '200', 'Length of an id.'),
  lineMaxBytes: given('limits', 'lineMax', size('256B', '1MiB'), '64KiB', 'One log line; a longer one is cut and marked.'),
  errorMessageMaxBytes: given(
    'limits',
    'errorMessageMax',
    size('256B', '256KiB'),
    '8KiB',
    'Message of the error of a task; a longer one is cut.',
  ),
  jsonDepthMax: given('limits', 'jsonDepthMax', whole(8, 128, 'levels'), '32', 'Nesting of a body.'),
} as const
