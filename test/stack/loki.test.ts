import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { composeOf, textOf } from './compose-file.ts'
import { lokiSchema } from './loki-schema.ts'

const text = textOf('loki/loki.yaml')
const loki = parse(text)
const check = new Ajv({ allErrors: true }).compile(lokiSchema)
const errorsOf = (config: unknown) =>
  check(config) ? [] : (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)

describe('the Loki configuration', () => {
  test('holds the keys of Loki 3.7 that it needs, and no others', () => {
    expect(errorsOf(loki)).toEqual([])
  })

  test.each([
    ['compactor', 'retention_enabled'],
    ['compactor', 'delete_request_store'],
    ['limits_config', 'retention_period'],
  ])('deletes nothing without %s.%s, so the schema asks for it', (section, key) => {
    const broken = structuredClone(loki)
    delete broken[section][key]
    expect(errorsOf(broken)).toEqual([`/${section} must have required property '${key}'`])
  })

  test.each(['row_shards', 'unordered_writes', 'allow_deletes', 'remote_write'])(
    'does not name %s, which Loki gives up',
    (key) => {
      expect(text).not.toContain(key)
    },
  )

  test('keeps everything below the one folder that its user may write and that is a volume', () => {
    const { volumes } = composeOf(['docker-compose.yml']).services['loki'] ?? {}
    expect(volumes).toContain('loki-data:/loki')
    expect([...text.matchAll(/(?:directory|path_prefix): (\S+)/g)].map(([, path]) => path)).toEqual(
      expect.arrayContaining(['/loki', '/loki/chunks', '/loki/compactor']),
    )
  })

  test('takes lines as old as the aggregator sends them, and keeps them longer than that', () => {
    const hours = (value: string) => Number.parseInt(value, 10)
    expect(hours(loki.limits_config.reject_old_samples_max_age)).toBe(7 * 24)
    expect(hours(loki.limits_config.retention_period)).toBeGreaterThan(7 * 24)
    // The compactor deletes by whole index tables.
    expect(hours(loki.limits_config.retention_period) % 24).toBe(0)
  })
})
