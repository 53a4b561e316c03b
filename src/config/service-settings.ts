import { duration, lokiTenant, redisUrl, secret, size, text, webUrl, whole, word } from './kinds.ts'
import { given, hostName, optional, path } from './setting.ts'

/** Where the aggregator listens, who may use it, where its store and its neighbours are, and its times. */
export const serviceSettings = {
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
} as const
