import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { faultText } from './fault.ts'
import { type ConfigSources, loadConfig, printSetting, requireConfig } from './load.ts'
import { settingsTable } from './settings-table.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'enginescope-config-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const file = (text: string, name = 'enginescope.yaml') => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const load = (sources: Partial<ConfigSources> = {}) => loadConfig({ env: {}, folder, ...sources })
const faultsOf = (sources: Partial<ConfigSources>) => (load(sources).faults ?? []).map(faultText)
const configOf = (sources: Partial<ConfigSources> = {}) => requireConfig({ env: {}, folder, ...sources }).config

describe('without any source', () => {
  test('every default of the contract is in force', () => {
    expect(configOf()).toMatchObject({
      host: '127.0.0.1',
      port: 7717,
      redis: { kind: 'single', host: '127.0.0.1', port: 6379, db: 0, tls: false },
      shards: 16,
      leaseMs: 10_000,
      durability: 'default',
      retentionMs: 7 * 86_400_000,
      suspectAfterMs: 15_000,
      lostAfterMs: 60_000,
      lingerMs: 300_000,
      engineLingerMs: 3_600_000,
      gapTimeoutMs: 600_000,
      taskSeriesMax: 10_000,
      tailRetentionMs: 86_400_000,
      tailMaxBytes: 131_072,
      historySamplesMax: 1000,
      logOutboxMaxBytes: 268_435_456,
      deadLettersMaxBytes: 67_108_864,
      namespacesMax: 1000,
      taskTypesMax: 100,
      engineTypesMax: 100,
      openJobsMax: 100_000,
      bodyMaxBytes: 4_194_304,
      reportsMax: 1000,
      linesMax: 1000,
      metricsMax: 256,
      lineMaxBytes: 65_536,
      errorMessageMaxBytes: 8192,
      jsonDepthMax: 32,
      lokiUrl: undefined,
    })
  })

  test('every default is one that the setting itself accepts and prints the same way', () => {
    const config = configOf()
    for (const { key, default: byDefault } of settingsTable) {
      if (key !== 'redis' && byDefault !== '') expect(printSetting(config, key)).toBe(printSetting(configOf({ flags: {} }), key))
    }
  })

  test('the configuration cannot be changed, at any depth', () => {
    const config = configOf()
    expect(Object.isFrozen(config)).toBe(true)
    expect(Object.isFrozen(config.redis)).toBe(true)
  })
})

describe('several sources', () => {
  test('flags win over the environment, which wins over the file', () => {
    file('port: 1001\nshards: 8\nlinger: 1m\n')
    const config = configOf({ env: { ENGINESCOPE_PORT: '1002', ENGINESCOPE_SHARDS: '4' }, flags: { port: '1003' } })
    expect([config.port, config.shards, config.lingerMs]).toEqual([1003, 4, 60_000])
  })

  test('the origin of each value is named', () => {
    file('# a comment\nshards: 8\n')
    const { origins } = requireConfig({ env: { ENGINESCOPE_PORT: '1' }, flags: { host: '::1' }, folder })
    expect([origins.shards, origins.port, origins.host, origins.leaseMs]).toEqual([
      'enginescope.yaml:2',
      'ENGINESCOPE_PORT',
      '--host',
      'default',
    ])
  })

  test('an empty variable counts as not set', () => {
    expect(configOf({ env: { ENGINESCOPE_PORT: '', ENGINESCOPE_LOKI_URL: '' } }).port).toBe(7717)
  })

  test('a file that was named must exist, the default one need not', () => {
    expect(faultsOf({ file: join(folder, 'other.yaml') })).toEqual([`${join(folder, 'other.yaml')}: no such file`])
    expect(faultsOf({ env: { ENGINESCOPE_CONFIG: 'other.yaml' } })).toEqual([`${join(folder, 'other.yaml')}: no such file`])
    expect(faultsOf({})).toEqual([])
  })

  test('an empty file says nothing', () => {
    file('# nothing yet\n')
    expect(configOf().port).toBe(7717)
  })
})

test('every fault of every source is reported at once, each with its place', () => {
  file('prot: 1\nlinger: soon\nshards: [1, 2]\nretention:\n')
  const faults = faultsOf({ env: { ENGINESCOPE_PORT: '70000', ENGINESCOPE_LOKI_URL: 'ftp://x' }, flags: { lease: '10' } })
  expect(faults).toEqual([
    'enginescope.yaml:1: prot is no setting; did you mean port?',
    'enginescope.yaml:3: shards must have a single value',
    'enginescope.yaml:4: retention must have a single value',
    'ENGINESCOPE_PORT: port must be between 0 and 65535',
    '--lease: lease must be a duration with its unit: 250ms, 15s, 5m, 12h, 7d',
    'ENGINESCOPE_LOKI_URL: lokiUrl must be a URL with http:// or https://',
    'enginescope.yaml:2: linger must be a duration with its unit: 250ms, 15s, 5m, 12h, 7d',
  ])
})

test.each([
  ['broken YAML', 'a: [1\nport: 2', /^enginescope\.yaml:\d+: /],
  ['a key said twice', 'port: 1\nport: 2', /^enginescope\.yaml:2: .*unique/],
  ['a list at the top', '- port', /^enginescope\.yaml:1: must be a map/],
])('%s is named with its line', (_, text, message) => {
  file(text)
  expect(faultsOf({})[0]).toMatch(message)
})

test('an unknown variable is a warning with the nearest name, and one of another command is none', () => {
  const { warnings } = load({
    env: { ENGINESCOPE_LOST_AFTR: '1s', ENGINESCOPE_URL: 'http://x', ENGINESCOPE_ZZZZZZ: '1', PATH: '/bin' },
  })
  expect(warnings.map(faultText)).toEqual([
    'ENGINESCOPE_LOST_AFTR: is no setting of this version and has no effect; did you mean ENGINESCOPE_LOST_AFTER?',
    'ENGINESCOPE_ZZZZZZ: is no setting of this version and has no effect',
  ])
})

describe('rules between settings', () => {
  const refused: [string, Record<string, string>, string][] = [
    ['a host beyond loopback without an auth file', { ENGINESCOPE_HOST: '0.0.0.0' }, 'ENGINESCOPE_HOST: 0.0.0.0 can be reached'],
    ['any IPv6 address without an auth file', { ENGINESCOPE_HOST: '::' }, 'ENGINESCOPE_HOST: :: can be reached'],
    ['auth none beside an auth file', { ENGINESCOPE_AUTH: 'none', ENGINESCOPE_AUTH_FILE: 't' }, 'ENGINESCOPE_AUTH: auth is none'],
    [
      'lost not after suspect',
      { ENGINESCOPE_LOST_AFTER: '10s', ENGINESCOPE_SUSPECT_AFTER: '10s' },
      'ENGINESCOPE_SUSPECT_AFTER: lostAfter (10s) must be longer than suspectAfter (10s)',
    ],
    [
      'a suspectAfter beyond the default lostAfter',
      { ENGINESCOPE_SUSPECT_AFTER: '2m' },
      'ENGINESCOPE_SUSPECT_AFTER: lostAfter (1m)',
    ],
    [
      'a tail kept longer than its job',
      { ENGINESCOPE_TAIL_RETENTION: '2h', ENGINESCOPE_RETENTION: '1h' },
      'ENGINESCOPE_TAIL_RETENTION: tailRetention (2h) must not',
    ],
    [
      'a Loki user without a password',
      { ENGINESCOPE_LOKI_URL: 'http://l', ENGINESCOPE_LOKI_USER: 'u' },
      'ENGINESCOPE_LOKI_USER: ',
    ],
    ['a body that could never be read', { ENGINESCOPE_BODY_MAX: '128MiB' }, 'ENGINESCOPE_BODY_MAX: bodyMax must not be larger'],
    ['a lease of a moment', { ENGINESCOPE_LEASE: '10ms' }, 'ENGINESCOPE_LEASE: lease must be between 1s and 5m'],
  ]
  test.each(refused)('%s is refused', (_, env, message) => {
    expect(faultsOf({ env })).toHaveLength(1)
    expect(faultsOf({ env })[0]).toContain(message)
  })

  const accepted: [string, Record<string, string>][] = [
    ['loopback by any of its names', { ENGINESCOPE_HOST: '127.8.0.1' }],
    ['IPv6 loopback', { ENGINESCOPE_HOST: '::1' }],
    ['the world, when told aloud', { ENGINESCOPE_HOST: '0.0.0.0', ENGINESCOPE_AUTH: 'none' }],
    ['the world, with tokens', { ENGINESCOPE_HOST: '0.0.0.0', ENGINESCOPE_AUTH_FILE: 'tokens.yaml' }],
  ]
  test.each(accepted)('%s is accepted', (_, env) => expect(faultsOf({ env })).toEqual([]))

  test('a shorter lostAfter or retention brings its companion along', () => {
    const config = configOf({ env: { ENGINESCOPE_LOST_AFTER: '2s', ENGINESCOPE_RETENTION: '1h' } })
    expect([config.suspectAfterMs, config.tailRetentionMs]).toEqual([500, 3_600_000])
  })

  test('a tenant without a Loki is only a warning', () => {
    const { faults, warnings } = load({ env: { ENGINESCOPE_LOKI_TENANT: 'a' } })
    expect([faults, warnings.map(faultText)]).toEqual([undefined, ['ENGINESCOPE_LOKI_TENANT: has no effect without lokiUrl']])
  })

  test.each(['..', '.', 'a|b', 'a'.repeat(151), 'a/b'])('tenant %j is refused', (tenant) => {
    expect(faultsOf({ env: { ENGINESCOPE_LOKI_URL: 'http://l', ENGINESCOPE_LOKI_TENANT: tenant } })).toHaveLength(1)
  })
})

describe('secrets', () => {
  const loki = { ENGINESCOPE_LOKI_URL: 'http://loki:3100' }

  test('never print, whole configuration included', () => {
    const env = { ...loki, ENGINESCOPE_LOKI_TOKEN: 'hunter2', ENGINESCOPE_REDIS_URL: 'redis://me:hunter2@r:1/2' }
    const config = configOf({ env })
    const shown = [inspect(config, { depth: 9 }), JSON.stringify(config), printSetting(config, 'redis'), `${config.lokiToken}`]
    expect(shown.join()).not.toContain('hunter2')
    expect(printSetting(config, 'lokiToken')).toBe('<secret>')
    expect(printSetting(config, 'redis')).toBe('redis://r:1/2')
    expect(config.lokiToken?.reveal()).toBe('hunter2')
  })

  test('come out of a file, without its last line break', () => {
    const path = file('s3cret\n', 'token')
    expect(configOf({ env: { ...loki, ENGINESCOPE_LOKI_TOKEN_FILE: path } }).lokiToken?.reveal()).toBe('s3cret')
    expect(configOf({ env: loki, flags: { lokiTokenFile: path } }).lokiToken?.reveal()).toBe('s3cret')
  })

  test('are not accepted on the command line, which others can read', () => {
    expect(faultsOf({ env: loki, flags: { lokiToken: 'x' } })).toEqual(['--loki-token: is no flag'])
  })

  test('given twice in one source, or as a file that is not there, are faults', () => {
    const path = file('s', 'token')
    expect(faultsOf({ env: { ...loki, ENGINESCOPE_LOKI_TOKEN: 'x', ENGINESCOPE_LOKI_TOKEN_FILE: path } })).toEqual([
      'ENGINESCOPE_LOKI_TOKEN_FILE: says the same as ENGINESCOPE_LOKI_TOKEN: give one of them',
    ])
    expect(faultsOf({ env: { ...loki, ENGINESCOPE_LOKI_TOKEN_FILE: 'nowhere' } })).toEqual([
      `ENGINESCOPE_LOKI_TOKEN_FILE: ${join(folder, 'nowhere')}: no such file`,
    ])
  })

  test('are refused inside URLs that are printed', () => {
    expect(faultsOf({ env: { ENGINESCOPE_LOKI_URL: 'http://me:pw@loki' } })[0]).toContain('must not hold a user or password')
  })
})
