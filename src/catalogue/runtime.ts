import { outcomes } from '../report/report.ts'
import type { Metric } from './metric.ts'

const runtimeBound = 'runtimes that ended lose their series after ENGINESCOPE_LINGER'
const topicBound = 'the topics of the protocol; the others count as other'

/** What the monitors say of the runtimes whose messages they fetch. Each is printed by the replica that holds the lease. */
export const runtimeMetrics = {
  runtimeUp: {
    name: 'enginescope_runtime_up',
    type: 'gauge',
    help: 'Whether the runtime answers its monitor: 0 after several failures in a row.',
    unit: 'flag',
    labels: ['namespace', 'runtime'],
    source: 'polls of the runtime',
    group: 'fleet',
    bound: runtimeBound,
  },
  runtimePolls: {
    name: 'enginescope_runtime_polls_total',
    type: 'counter',
    help: 'Polls of runtimes, by what came of them.',
    unit: 'count',
    labels: ['outcome'],
    values: {
      outcome: ['ok', 'empty', 'partial', 'timeout', 'unreachable', 'http_error', 'invalid', 'too_large', 'fenced', 'blocked'],
    },
    source: 'polls of runtimes',
    group: 'fleet',
  },
  runtimePollLag: {
    name: 'enginescope_runtime_poll_lag_seconds',
    type: 'gauge',
    help: 'Time since the last poll of the runtime that went well.',
    unit: 'seconds',
    labels: ['namespace', 'runtime'],
    source: 'polls of the runtime',
    group: 'fleet',
    bound: runtimeBound,
  },
  runtimeMessagesBehind: {
    name: 'enginescope_runtime_messages_behind',
    type: 'gauge',
    help: 'Messages that the runtime has published and its monitor has not yet committed.',
    unit: 'count',
    labels: ['namespace', 'runtime', 'topic'],
    source: 'latest, and the committed offset',
    group: 'fleet',
    bound: `${runtimeBound}; ${topicBound}`,
  },
  runtimeMessages: {
    name: 'enginescope_runtime_messages_total',
    type: 'counter',
    help: 'Messages fetched from runtimes, each once, by what became of it.',
    unit: 'count',
    labels: ['topic', 'outcome'],
    values: {
      topic: ['heartbeat', 'metadata', 'lineage', 'workflow.token', 'task.running', 'logs', 'program.status', 'other'],
      outcome: [...outcomes, 'refused', 'foreign', 'opaque', 'unknown_topic', 'lost'],
    },
    source: 'messages of runtimes',
    group: 'fleet',
    bound: topicBound,
  },
  runtimeResets: {
    name: 'enginescope_runtime_resets_total',
    type: 'counter',
    help: 'Logs of runtimes that were read anew: new_epoch = the runtime began a new log, log_lost = it lost the one being read.',
    unit: 'count',
    labels: ['reason'],
    values: { reason: ['new_epoch', 'log_lost'] },
    source: 'answers of runtimes',
    group: 'fleet',
  },
  lineageDropped: {
    name: 'enginescope_runtime_lineage_dropped_total',
    type: 'counter',
    help: 'Entries of lineage that were left out, because their job has as many as it may.',
    unit: 'count',
    labels: [],
    source: 'lineage',
    group: 'fleet',
  },
  runtimes: {
    name: 'enginescope_runtimes',
    type: 'gauge',
    help: 'Runtimes by state.',
    unit: 'count',
    labels: ['state'],
    values: { state: ['ACTIVE', 'FINISHING', 'UNREACHABLE', 'ENDED'] },
    source: 'registry of runtimes',
    group: 'fleet',
  },
} as const satisfies Record<string, Metric>
