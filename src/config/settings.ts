/** Every setting of the aggregator, once: name, kind, default, meaning. Parsing, `--help`, `check-config` and the reference page are made from it. */
import { duration, type Kind, lokiTenant, redisUrl, secret, size, text, webUrl, whole, word } from './kinds.ts'
import { networkList, runtimeList, topicList } from './runtime-kinds.ts'

/** Headings under which settings are listed. */
export type SettingGroup = 'server' | 'access' | 'redis' | 'logs' | 'links' | 'times' | 'runtimes' | 'limits' | 'hub' | 'sedna'

/** One setting. Its environment variable and flag follow from its name: `lostAfter`, `ENGINESCOPE_LOST_AFTER`, `--lost-after`. */
export type Setting<T> = {
  /** Key in `enginescope.yaml`. */
  readonly name: string
  readonly group: SettingGroup
  readonly kind: Kind<Exclude<T, undefined>>
  /** As it would be written; absent where there is none. */
  readonly default: string | undefined
  readonly meaning: string
  /** May also be given as the path of a file that holds it: `*_FILE`. `only`: never on the command line, which others can read. */
  readonly fromFile: 'no' | 'also' | 'only'
}

type Extra = { readonly fromFile?: 'also' | 'only' }

function given<T>(group: SettingGroup, name: string, kind: Kind<T>, byDefault: string, meaning: string, extra: Extra = {}) {
  return { group, name, kind, default: byDefault, meaning, fromFile: extra.fromFile ?? 'no' } as Setting<T>
}

function optional<T>(group: SettingGroup, name: string, kind: Kind<T>, meaning: string, extra: Extra = {}) {
  return { group, name, kind, default: undefined, meaning, fromFile: extra.fromFile ?? 'no' } as Setting<T | undefined>
}

const path = text(/^[^\0]{1,4096}$/, 'a path', 'path')
const id = text(/^[A-Za-z0-9._:@/-]{1,200}$/, 'an id: 1 to 200 of A-Z a-z 0-9 . _ : @ / -')
const certificates = text(/^-----BEGIN [\s\S]+$/, 'PEM text', 'PEM')
const hostName = text(/^[A-Za-z0-9._:-]{1,253}$/, 'a host name or an address, e.g. 127.0.0.1, 0.0.0.0 or ::', 'address')

/** Keys are those of {@link Config}, with the unit of the parsed value last. */
export const settings = {
  host: given('server', 'host', hostName, '127.0.0.1', 'Address to listen on.'),
  port: given('server', 'port', whole(0, 65_535, 'port'), '7717', 'Port to listen on; 0 takes a free one.'),
  logLevel: given(
    'server',
    'logLevel',
    word(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
    'info',
    'Least level of its own log.',
  ),
  logFormat: given('server', 'logFormat', word(['json', 'text']), 'json', 'Form of its own log.'),

  authFile: optional('access', 'authFile', path, 'File of tokens (SHA-256), roles and namespaces. Read again when it changes.'),
  auth: given('access', 'auth', word(['file', 'none']), 'file', 'none: open to everybody, also beyond loopback.'),
  metricsAuth: given('access', 'metricsAuth', word(['file', 'none']), 'file', 'none: /metrics is open beyond loopback too.'),

  redis: given(
    'redis',
    'redisUrl',
    redisUrl,
    'redis://127.0.0.1:6379',
    'The store: single (redis://, rediss://, unix://), redis-sentinel:// or redis-cluster://.',
    { fromFile: 'also' },
  ),
  shards: given('redis', 'shards', whole(1, 256), '16', 'Shards of the store. Fixed for the life of a store.'),
  leaseMs: given('redis', 'lease', duration('1s', '5m'), '10s', 'How long a replica owns a shard or a runtime without renewing.'),
  durability: given(
    'redis',
    'durability',
    word(['default', 'fast', 'ha']),
    'default',
    'What an answer waits for: default (the Redis it was written to), fast (as default, and an appendfsync of everysec is no warning), ha (one replica of Redis too).',
  ),

  lokiUrl: optional('logs', 'lokiUrl', webUrl, 'Loki, base URL. Without it, log lines stay in the tail of their job.'),
  lokiTenant: optional('logs', 'lokiTenant', lokiTenant, 'Sent as X-Scope-OrgID.'),
  lokiUser: optional('logs', 'lokiUser', text(/^[^:\0\r\n]{1,200}$/, 'a user name without a colon'), 'User for Loki.'),
  lokiPassword: optional('logs', 'lokiPassword', secret, 'Password for Loki.', { fromFile: 'only' }),
  lokiToken: optional('logs', 'lokiToken', secret, 'Bearer token for Loki.', { fromFile: 'only' }),
  logOutboxMaxBytes: given(
    'logs',
    'logOutboxMax',
    size('1MiB', '64GiB'),
    '256MiB',
    'Log lines kept for Loki, all shards together. Beyond it the log part of reports is refused.',
  ),
  deadLettersMaxBytes: given(
    'logs',
    'deadLettersMax',
    size('64KiB', '16GiB'),
    '64MiB',
    'Log lines that Loki refuses for good; the oldest go first.',
  ),
  tailMaxBytes: given('logs', 'tailMax', size('1KiB', '16MiB'), '128KiB', 'Newest log lines kept per job for the log view.'),
  tailRetentionMs: given(
    'logs',
    'tailRetention',
    duration('1s', '3650d'),
    '24h',
    'How long those are kept after the end of the job; by default never longer than retention.',
  ),

  publicUrl: optional('links', 'publicUrl', webUrl, 'Where users reach this aggregator; base of links in alerts and pages.'),
  prometheusUrl: optional('links', 'prometheusUrl', webUrl, 'Prometheus, for links and the page of metrics.'),
  grafanaUrl: optional('links', 'grafanaUrl', webUrl, 'Grafana, for links to the dashboards.'),
  runbookUrl: optional('links', 'runbookUrl', webUrl, 'Base of the runbook links in alerts.'),

  retentionMs: given('times', 'retention', duration('1s', '3650d'), '7d', 'How long a finished job is kept.'),
  suspectAfterMs: given(
    'times',
    'suspectAfter',
    duration('100ms', '1d'),
    '15s',
    'Silence after which an engine is suspect; by default at most a quarter of lostAfter.',
  ),
  lostAfterMs: given(
    'times',
    'lostAfter',
    duration('200ms', '7d'),
    '60s',
    'Silence after which an engine and its open tasks are lost.',
  ),
  lingerMs: given(
    'times',
    'linger',
    duration('0s', '1d'),
    '5m',
    'How long the series of a finished task stay, if it is not scraped twice before.',
  ),
  engineLingerMs: given('times', 'engineLinger', duration('0s', '30d'), '1h', 'How long the series of a lost engine stay.'),
  stalledAfterMs: given(
    'times',
    'stalledAfter',
    duration('1s', '30d'),
    '10m',
    'Least time without progress after which a running task counts as stalled; longer where its kind usually takes longer.',
  ),
  straggleAfterMs: given(
    'times',
    'straggleAfter',
    duration('1s', '30d'),
    '1m',
    'Least time that a task has run before it is compared with the other tasks of its job.',
  ),
  gapTimeoutMs: given('times', 'gapTimeout', duration('1s', '7d'), '10m', 'After which reports that never came count as lost.'),

  runtimes: given(
    'runtimes',
    'runtimes',
    runtimeList,
    '[]',
    'Runtimes whose messages are fetched from the start: a list as of POST /api/v1/runtimes, each with tokenFile instead of token.',
  ),
  runtimeNetworks: given(
    'runtimes',
    'runtimeNetworks',
    networkList,
    '127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7',
    'Networks that runtimes may be in, with commas between. Link-local addresses and those of cloud metadata never are.',
  ),
  runtimeIntervalMs: given('runtimes', 'runtimeInterval', duration('100ms', '1h'), '2s', 'How often a runtime is asked, ± 10 %.'),
  runtimeGraceMs: given(
    'runtimes',
    'runtimeGrace',
    duration('0s', '1h'),
    '30s',
    'How long after its end a run is still asked for its last messages; half of it once nothing comes any more.',
  ),
  runtimeReset: given(
    'runtimes',
    'runtimeReset',
    word(['earliest', 'latest']),
    'earliest',
    'Where to go on when a runtime has lost the log that was being read.',
  ),
  runtimeTopics: given(
    'runtimes',
    'runtimeTopics',
    topicList,
    '',
    'Topics allowed, and asked for, beside those of the protocol, with commas between; what they hold is kept as it is.',
  ),
  runtimeFailuresMax: given(
    'runtimes',
    'runtimeFailures',
    whole(1, 1000, 'failures'),
    '5',
    'Failures in a row after which a runtime counts as unreachable. It is asked on.',
  ),
  runtimeTimeoutMs: given('runtimes', 'runtimeTimeout', duration('100ms', '10m'), '10s', 'A whole request to a runtime.'),
  runtimeConnectTimeoutMs: given('runtimes', 'runtimeConnectTimeout', duration('50ms', '1m'), '3s', 'Connecting to a runtime.'),
  runtimeBodyMaxBytes: given('runtimes', 'runtimeBodyMax', size('64KiB', '256MiB'), '8MiB', 'An answer of a runtime, unpacked.'),
  runtimeFetchesMax: given('runtimes', 'runtimeFetches', whole(1, 1024), '64', 'Requests to runtimes at a time, per replica.'),
  runtimesMax: given('runtimes', 'runtimesMax', whole(1, 100_000), '10000', 'Runtimes known at a time, ended ones included.'),
  runtimeTlsCa: optional('runtimes', 'runtimeTlsCa', certificates, 'Certificates (PEM) that https runtimes are checked by.', {
    fromFile: 'only',
  }),
  runtimeTlsCert: optional('runtimes', 'runtimeTlsCert', certificates, 'Own certificate (PEM), for mutual TLS.', {
    fromFile: 'only',
  }),
  runtimeTlsKey: optional('runtimes', 'runtimeTlsKey', secret, 'Its key (PEM).', { fromFile: 'only' }),

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

  hubPort: given('hub', 'hubPort', whole(0, 65_535, 'port'), '7718', 'Port of the hub; 0 takes a free one.'),
  dispatcherPort: given(
    'hub',
    'dispatcherPort',
    whole(0, 65_535, 'port'),
    '0',
    'Port of a dispatcher, for results; 0 takes a free one.',
  ),
  agentPort: given('hub', 'agentPort', whole(0, 65_535, 'port'), '0', 'Port of an agent, for events; 0 takes a free one.'),
  hubAdvertiseUrl: optional(
    'hub',
    'hubAdvertiseUrl',
    webUrl,
    'Where the other members reach this one; without it http://<host>:<port>.',
  ),
  hubRedis: optional('hub', 'hubRedisUrl', redisUrl, 'The store of the hub; without it redisUrl.', { fromFile: 'also' }),
  hubNamespace: given('hub', 'hubNamespace', id, 'default', 'Namespace under which hub, dispatchers and agents report.'),
  hubRegistry: given('hub', 'hubRegistry', word(['redis', 'static', 'consul']), 'redis', 'Where members find each other.'),
  hubMembersFile: optional('hub', 'hubMembers', path, 'Registry static: file with the list of members, YAML or JSON.'),
  hubConsulUrl: optional('hub', 'hubConsulUrl', webUrl, 'Registry consul: address of the local Consul agent.'),
  hubConsulToken: optional('hub', 'hubConsulToken', secret, 'Registry consul: token.', { fromFile: 'only' }),
  hubMemberLeaseMs: given(
    'hub',
    'hubMemberLease',
    duration('300ms', '5m'),
    '15s',
    'How long a member is live without renewing, and then suspect, until it is lost; renewed every third of it.',
  ),
  hubLeaseMs: given(
    'hub',
    'hubLease',
    duration('300ms', '10m'),
    '30s',
    'How long a dispatcher has a process without renewing; renewed every third of it.',
  ),
  hubLostAfterMs: given(
    'hub',
    'hubLostAfter',
    duration('100ms', '7d'),
    '10m',
    'After the end of its lease, how long a process waits for a dispatcher to take it over until it is lost.',
  ),
  hubAttemptsMax: given('hub', 'hubAttempts', whole(1, 100), '3', 'Dispatchers that may begin with one process.'),
  hubNodeDeadlineMs: given('hub', 'hubNodeDeadline', duration('100ms', '7d'), '5m', 'How long one try of a node may take.'),
  hubNodeTriesMax: given('hub', 'hubNodeTries', whole(1, 100), '3', 'Tries of one node.'),
  hubAgentWaitMs: given(
    'hub',
    'hubAgentWait',
    duration('100ms', '7d'),
    '10m',
    'How long a node waits for a live agent of its algorithm until it fails.',
  ),
  hubDrainMs: given('hub', 'hubDrain', duration('0s', '1d'), '60s', 'How long a dispatcher or agent that stops lets work end.'),
  agentMemoryMaxBytes: given(
    'hub',
    'agentMemoryMax',
    size('8MiB', '64GiB'),
    '256MiB',
    'JavaScript heap of one run of an agent; one that takes more is ended.',
  ),
  agentRunMaxMs: given(
    'hub',
    'agentRunMax',
    duration('10ms', '7d'),
    '1h',
    'How long one run of an agent may take, however late its deadline.',
  ),
  agentAbortGraceMs: given(
    'hub',
    'agentAbortGrace',
    duration('0s', '5m'),
    '1s',
    'How long a run that is told to stop may take to do so; then its thread is ended.',
  ),
  hubDataMaxBytes: given('hub', 'hubDataMax', size('1KiB', '64MiB'), '1MiB', 'A flow, its data, or the output of a node.'),
  hubQueueMax: given('hub', 'hubQueueMax', whole(1, 10_000_000), '100000', 'Processes that may wait.'),
  hubFlowsMax: given('hub', 'hubFlowsMax', whole(1, 1_000_000), '10000', 'Deployed flows.'),
  hubSeriesMax: given(
    'hub',
    'hubSeriesMax',
    whole(1, 10_000),
    '100',
    'Dispatchers, and algorithms, with series of their own; beyond it: other.',
  ),

  sednaAdapter: given(
    'sedna',
    'sednaAdapter',
    word(['off', 'on']),
    'off',
    "on: takes what the library of Sedna's workers sends to its Local Controller (POST /sedna/workers/{name}/info) as reports.",
  ),
  sednaForwardUrl: optional(
    'sedna',
    'sednaForwardUrl',
    webUrl,
    'The real Local Controller, base URL: each message is passed on to it, and its answer given back.',
  ),
  sednaMiningFirst: optional(
    'sedna',
    'sednaMiningFirst',
    text(/^[^\s,/]+\/[^\s,]+(,[^\s,/]+\/[^\s,]+)*$/, 'namespace/job, separated by commas'),
    'Joint inference services whose workers look for hard samples before they infer (mining-then-inference).',
  ),
} as const

type Settings = typeof settings
export type SettingKey = keyof Settings

/** All settings, checked. `undefined` where one is optional and not given. */
export type Config = { readonly [K in SettingKey]: Settings[K] extends Setting<infer T> ? T : never }

/** Names that other commands read from the environment; known here so that `check-config` does not call them unknown. */
export const otherVariables: readonly string[] = [
  'ENGINESCOPE_ALERTMANAGER_PORT',
  'ENGINESCOPE_CONFIG',
  'ENGINESCOPE_DATA',
  'ENGINESCOPE_HUB_URL',
  'ENGINESCOPE_PROMETHEUS_PORT',
  'ENGINESCOPE_RULES',
  'ENGINESCOPE_SCRAPE_INTERVAL',
  'ENGINESCOPE_TOKEN',
  'ENGINESCOPE_TOKEN_FILE',
  'ENGINESCOPE_URL',
]

const words = (name: string) =>
  name
    .replace(/[A-Z]/g, (letter) => ` ${letter}`)
    .toLowerCase()
    .split(' ')

/** `lostAfter` → `ENGINESCOPE_LOST_AFTER`. */
export function variableOf(name: string): string {
  return `ENGINESCOPE_${words(name).join('_').toUpperCase()}`
}

/** `lostAfter` → `--lost-after`. */
export function flagOf(name: string): string {
  return `--${words(name).join('-')}`
}

/** One way to write a setting down: itself, or the path of a file that holds its value. */
export type Spelling = { readonly key: SettingKey; readonly name: string; readonly isPath: boolean; readonly hasFlag: boolean }

/** Every name that a source may hold, the `*File` names included. */
export const spellings: readonly Spelling[] = settingKeys().flatMap((key) => {
  const { name, fromFile } = settings[key]
  const direct = { key, name, isPath: false, hasFlag: fromFile !== 'only' }
  return fromFile === 'no' ? [direct] : [direct, { key, name: `${name}File`, isPath: true, hasFlag: true }]
})

/** The keys of {@link settings}, in order. */
export function settingKeys(): SettingKey[] {
  return Object.keys(settings) as SettingKey[]
}

/** A setting as the reference page, `--help` and `check-config` show it. */
export type SettingRow = {
  readonly key: SettingKey
  readonly group: SettingGroup
  readonly name: string
  readonly variable: string
  readonly flag: string
  readonly unit: string
  readonly default: string
  readonly meaning: string
  readonly isSecret: boolean
  readonly hasFile: boolean
}

/** Every setting as data, in the order in which they are listed. */
export const settingsTable: readonly SettingRow[] = settingKeys().map((key) => {
  const setting = settings[key]
  const flag = flagOf(setting.fromFile === 'only' ? `${setting.name}File` : setting.name)
  return {
    key,
    group: setting.group,
    name: setting.name,
    variable: variableOf(setting.name),
    flag,
    unit: setting.kind.unit,
    default: setting.default ?? '',
    meaning: setting.meaning,
    isSecret: setting.fromFile === 'only',
    hasFile: setting.fromFile !== 'no',
  }
})
