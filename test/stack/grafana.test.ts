import { existsSync, readdirSync } from 'node:fs'
import { join, normalize, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { composeOf, root, textOf } from './compose-file.ts'

const services = composeOf(['docker-compose.yml']).services
const secured = composeOf(['docker-compose.yml', 'deploy/compose/secure.yml']).services
const { environment = {}, volumes = [] } = services['grafana'] ?? {}

/** The path in the repository of what the container sees at a path; undefined where nothing of the repository is. */
function inRepository(path: string): string | undefined {
  for (const volume of volumes) {
    const [from = '', to = ''] = volume.split(':')
    const below = relative(to, path)
    if (from.startsWith('.') && !below.startsWith('..')) return normalize(join(from, below))
  }
  return undefined
}

const filesIn = (folder: string) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder))
        .filter((name) => /\.ya?ml$/.test(name))
        .map((name) => join(folder, name))
    : []
const provisioning = inRepository('/etc/grafana/provisioning') ?? ''
const provisioned = ['datasources', 'dashboards'].flatMap((kind) => filesIn(join(provisioning, kind)))

/** Settings of grafana.ini that the file sets, as GF_<SECTION>_<KEY>. */
const known: readonly string[] = [
  'GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES',
  'GF_ANALYTICS_CHECK_FOR_UPDATES',
  'GF_ANALYTICS_REPORTING_ENABLED',
  'GF_AUTH_ANONYMOUS_ENABLED',
  'GF_AUTH_ANONYMOUS_ORG_ROLE',
  'GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH',
  'GF_NEWS_NEWS_FEED_ENABLED',
  'GF_SECURITY_ADMIN_PASSWORD__FILE',
  'GF_SECURITY_ADMIN_USER',
  'GF_SECURITY_DISABLE_GRAVATAR',
  'GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION',
  'GF_SERVER_ROOT_URL',
  'GF_SNAPSHOTS_EXTERNAL_ENABLED',
  'GF_USERS_ALLOW_SIGN_UP',
  'GF_USERS_DEFAULT_THEME',
]

describe('Grafana', () => {
  test('lets everybody look and nobody change, and has no password that everybody knows', () => {
    expect(environment).toMatchObject({
      GF_AUTH_ANONYMOUS_ENABLED: 'true',
      GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
      GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION: 'true',
    })
  })

  test('takes the password of its first user by file, where one is asked for', () => {
    const { environment: asked = {}, secrets } = secured['grafana'] ?? {}
    expect(asked['GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION']).toBe('false')
    expect(asked['GF_SECURITY_ADMIN_PASSWORD__FILE']).toBe('/run/secrets/grafana-admin-password')
    expect(secrets).toEqual(['grafana-admin-password'])
  })

  test('is given settings by names that it has', () => {
    const names = Object.keys({ ...environment, ...secured['grafana']?.environment }).filter((name) => name.startsWith('GF_'))
    expect(names.filter((name) => !known.includes(name))).toEqual([])
  })

  test('opens with a dashboard that is there', () => {
    const path = inRepository(environment['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'] ?? '')
    expect(existsSync(join(root, path ?? 'nowhere')), path).toBe(true)
  })

  test('has data sources and dashboards provisioned', () => {
    expect(provisioned.some((path) => path.includes('/datasources/'))).toBe(true)
    expect(provisioned.some((path) => path.includes('/dashboards/'))).toBe(true)
  })

  test('gets every variable that the provisioning asks for', () => {
    // `$$` is a `$` for Grafana; what stands after it is no variable of the environment. Comments are not read.
    const values = provisioned.map((path) => JSON.stringify(parse(textOf(path))).replaceAll('$$', ''))
    const asked = values.flatMap((text) => [...text.matchAll(/\$\{?([A-Z][A-Z0-9_]*)/g)])
    expect(asked.map(([, name]) => String(name)).filter((name) => environment[name] === undefined)).toEqual([])
  })

  test('reaches data sources only at services of the stack', () => {
    const sources = filesIn(join(provisioning, 'datasources')).flatMap((path) => parse(textOf(path)).datasources ?? [])
    expect(sources.map(({ type }: { type: string }) => type)).toEqual(expect.arrayContaining(['prometheus', 'loki']))
    const urls = sources.map(({ url }: { url: string }) =>
      url.replaceAll(/\$\{?([A-Z][A-Z0-9_]*)\}?/g, (_whole, name: string) => environment[name] ?? ''),
    )
    for (const url of urls) expect(services[new URL(url).hostname], url).toBeDefined()
  })

  test('finds dashboards where its provider looks for them', () => {
    const providers = filesIn(join(provisioning, 'dashboards')).flatMap((path) => parse(textOf(path)).providers ?? [])
    expect(providers.length).toBeGreaterThan(0)
    for (const { options } of providers) {
      const path = inRepository(options.path)
      const names = path === undefined ? [] : readdirSync(join(root, path), { recursive: true }).map(String)
      expect(names.filter((name) => name.endsWith('.json')).length, `${options.path} is ${path}`).toBeGreaterThan(0)
    }
  })
})
