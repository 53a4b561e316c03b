import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { root } from './planted-project.ts'

const textOf = (path: string) => readFileSync(join(root, path), 'utf8')

describe('the Loki configuration', () => {
  const text = textOf('loki/loki.yaml')
  const loki = parse(text)

  test('is one process on its own disk, in the present schema', () => {
    expect(loki).toMatchObject({
      auth_enabled: false,
      common: { path_prefix: '/loki', replication_factor: 1, ring: { kvstore: { store: 'inmemory' } } },
      schema_config: { configs: [{ store: 'tsdb', schema: 'v13', object_store: 'filesystem', index: { period: '24h' } }] },
      analytics: { reporting_enabled: false },
    })
  })

  test('has all three settings that retention needs', () => {
    expect(loki.compactor).toMatchObject({ retention_enabled: true, delete_request_store: 'filesystem' })
    expect(loki.limits_config.retention_period).toMatch(/^\d+h$/)
  })

  test.each(['row_shards', 'unordered_writes', 'allow_deletes'])('does not name %s, which Loki has given up', (key) => {
    expect(text).not.toContain(key)
  })
})

describe('the Prometheus configuration', () => {
  const text = textOf('prometheus/prometheus.yml')
  const relabelings = parse(text).scrape_configs[0].metric_relabel_configs
  const losesInstance = (name: string, engine = '') =>
    new RegExp(`^(?:${relabelings[0].regex})$`).test(`${name};${engine}`) ||
    new RegExp(`^(?:${relabelings[1].regex})$`).test(name)

  test('honours the labels of the aggregator', () => {
    expect(parse(text).scrape_configs[0]).toMatchObject({ job_name: 'enginescope', honor_labels: true })
  })

  test.each([
    'scrape_protocols',
    'fallback_scrape_protocol',
    'scrape_native_histograms',
    'scrape_classic_histograms',
    'metric_name_validation_scheme',
    'keep_dropped_targets',
    'enable_compression',
  ])('does not name %s, which Prometheus 2.42 refuses', (key) => {
    expect(text).not.toContain(key)
  })

  test.each([
    ['enginescope_tasks', ''],
    ['enginescope_tasks_finished_total', ''],
    ['enginescope_task_duration_seconds_bucket', ''],
    ['enginescope_engines', ''],
    ['enginescope_engine_up', 'spark-1'],
    ['enginescope_task_progress_ratio', 'spark-1'],
    ['enginescope_incremental_learning_samples', 'worker-1'],
    ['enginescope_runtime_up', ''],
    ['enginescope_hub_slots', ''],
  ])('frees the shared series %s of its instance', (name, engine) => {
    expect(losesInstance(name, engine)).toBe(true)
  })

  test.each([
    'enginescope_reports_total',
    'enginescope_log_outbox_bytes',
    'enginescope_series',
    'enginescope_shards_owned',
    'process_cpu_seconds_total',
  ])('leaves %s, of which every replica has its own, as it is', (name) => {
    expect(losesInstance(name)).toBe(false)
  })
})

describe('the Compose file', () => {
  const compose = parse(textOf('docker-compose.yml'))
  const services: [string, { image?: string; user?: string; ports?: string[] }][] = Object.entries(compose.services)

  test('opens ports to this machine alone', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? [])
    expect(ports.length).toBeGreaterThan(0)
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([])
  })

  test('has a Redis that keeps what it has answered for', () => {
    const command = compose.services.redis.command.join(' ')
    expect(command).toContain('--appendonly yes --appendfsync always')
    expect(command).toContain('--maxmemory-policy noeviction')
    expect(compose.services.redis.volumes).toEqual(['redis-data:/data'])
    expect(compose.volumes).toHaveProperty('redis-data')
  })

  test('starts the aggregator when Redis is healthy, and nothing as root by its own wish', () => {
    expect(compose.services.enginescope.depends_on).toEqual({ redis: { condition: 'service_healthy' } })
    expect(services.filter(([, service]) => service.user !== undefined)).toEqual([])
    expect(compose).not.toHaveProperty('version')
  })
})

describe('the image', () => {
  const lines = textOf('Dockerfile').split('\n')

  test('stands on one exact version of Node, and installs without scripts', () => {
    const bases = lines.filter((line) => line.startsWith('FROM ')).map((line) => line.split(' ')[1])
    expect(new Set(bases)).toEqual(new Set(['docker.io/library/node:20.20.2-bookworm-slim']))
    expect(lines.filter((line) => /npm (ci|prune|install)/.test(line) && !line.includes('--ignore-scripts'))).toEqual([])
  })

  test('runs as a user without rights, and asks for its health without a shell', () => {
    expect(lines.filter((line) => line.startsWith('USER '))).toEqual(['USER node'])
    expect(lines.some((line) => line.trim().startsWith('CMD ["node", "-e", "fetch('))).toBe(true)
  })
})

describe('the licence', () => {
  test('is the whole text of Apache 2.0', () => {
    const text = textOf('LICENSE')
    expect(text).toContain('Version 2.0, January 2004')
    expect(text).toContain('END OF TERMS AND CONDITIONS')
    expect(JSON.parse(textOf('package.json')).license).toBe('Apache-2.0')
  })
})
