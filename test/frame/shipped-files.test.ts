import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { root } from './planted-project.ts'

const textOf = (path: string) => readFileSync(join(root, path), 'utf8')

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

describe('the licence', () => {
  test('is the whole text of Apache 2.0', () => {
    const text = textOf('LICENSE')
    expect(text).toContain('Version 2.0, January 2004')
    expect(text).toContain('END OF TERMS AND CONDITIONS')
    expect(JSON.parse(textOf('package.json')).license).toBe('Apache-2.0')
  })
})
