import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, normalize } from 'node:path'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, describe, expect, test } from 'vitest'
import { readAuthFile } from '../../src/access/auth-file.ts'
import { composeOf, interpolate, readCompose, root, type Service, textOf } from './compose-file.ts'
import { composeSchema, overlaySchema } from './compose-schema.ts'

const baseFile = 'docker-compose.yml'
const overlays = readdirSync(join(root, 'deploy/compose'))
  .filter((name) => name.endsWith('.yml') && name !== 'prometheus.yml')
  .map((name) => `deploy/compose/${name}`)
const stack = composeOf([baseFile])
const secured = composeOf([baseFile, 'deploy/compose/secure.yml'])
const services = Object.entries(stack.services)
const named = (choose: (service: Service) => boolean) => services.filter(([, service]) => choose(service)).map(([name]) => name)

/** What stands in an image and can be started without a shell. Known from the images' own Dockerfiles at these tags. */
const programs: Readonly<
  Record<string, { readonly tag: RegExp; readonly has: readonly string[]; readonly owns: readonly string[] }>
> = {
  'docker.io/library/redis': { tag: /^7\.4\.\d+-bookworm$/, has: ['redis-cli', 'redis-server'], owns: ['/data'] },
  'docker.io/prom/prometheus': { tag: /^v3\.\d+\.\d+$/, has: ['promtool', 'wget'], owns: ['/prometheus'] },
  'docker.io/prom/alertmanager': { tag: /^v0\.\d+\.\d+$/, has: ['amtool', 'wget'], owns: ['/alertmanager'] },
  'docker.io/grafana/loki': { tag: /^3\.7\.\d+$/, has: ['/usr/bin/loki'], owns: ['/loki'] },
  'docker.io/grafana/grafana': { tag: /^13\.\d+\.\d+$/, has: ['wget', 'curl'], owns: ['/var/lib/grafana'] },
  'docker.io/grafana/alloy': { tag: /^v1\.\d+\.\d+$/, has: ['bash'], owns: ['/var/lib/alloy'] },
  enginescope: { tag: /^local$/, has: ['node'], owns: [] },
}

/** What is known of the image of a service, and the tag that it is used at. */
function imageOf({ image }: Service) {
  const [, name = '', tag = ''] = /^(.+?):([^:@/]+)(?:@sha256:[0-9a-f]{64})?$/.exec(image) ?? []
  const { tag: tags, has, owns } = programs[name] ?? { tag: /^(?!)/, has: [], owns: [] }
  return { tag, tags, has, owns }
}

type Mount = { readonly from: string; readonly to: string; readonly mode: string | undefined }
const mountsOf = ({ volumes = [] }: Service): Mount[] =>
  volumes.map((volume) => {
    const [from = '', to = '', mode] = volume.split(':')
    return { from, to, mode }
  })
const isBind = ({ from }: Mount) => from.startsWith('.') || from.startsWith('/')
const allMounts = services.flatMap(([, service]) => mountsOf(service))

describe.each<[string, object]>([[baseFile, composeSchema], ...overlays.map((path): [string, object] => [path, overlaySchema])])(
  '%s',
  (path, schema) => {
    test('says nothing but what every engine reads', () => {
      const check = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictTuples: false }).compile(schema)
      check(readCompose(path))
      expect(check.errors ?? []).toEqual([])
    })

    // The schema is not ours to ship; the test above holds the files to a narrower one.
    test.runIf(process.env['COMPOSE_SPEC_SCHEMA'])(
      'fits the Compose Specification (skipped unless COMPOSE_SPEC_SCHEMA names its schema)',
      () => {
        // It names its draft by an address that ajv does not know; it is the one that ajv takes without a name.
        const { $schema: _, ...specification } = JSON.parse(readFileSync(process.env['COMPOSE_SPEC_SCHEMA'] ?? '', 'utf8'))
        const check = new Ajv({ allErrors: true, strict: false, validateFormats: false }).compile(specification)
        check(readCompose(path))
        expect(check.errors ?? []).toEqual([])
      },
    )
  },
)

describe('the schema', () => {
  const check = new Ajv2020({ strict: false }).compile(composeSchema)
  const file = readCompose(baseFile) as { services: { redis: object } }
  const changed = (change: object) => ({ ...file, services: { ...file.services, redis: { ...file.services.redis, ...change } } })

  test.each<[string, object]>([
    ['a misspelt key', { heathcheck: {} }],
    ['root', { user: '0:0' }],
    ['more rights', { privileged: true }],
    ['a health check through a shell', { healthcheck: { test: 'redis-cli ping' } }],
    ['a variable that is no text', { environment: { ON: true } }],
    ['no limits', { deploy: {} }],
  ])('objects to %s', (_what, change) => {
    expect(check(changed({}))).toBe(true)
    expect(check(changed(change))).toBe(false)
  })

  test('objects to a version, which engines have given up', () => {
    expect(check({ ...file, version: '3.8' })).toBe(false)
  })
})

describe('every service', () => {
  test.each(services)('%s stands on one exact version of an image that is known here', (_name, service) => {
    const { tag, tags } = imageOf(service)
    expect(tag, `${service.image}: see the table in this test`).toMatch(tags)
  })

  test.each(services.filter(([, { healthcheck }]) => healthcheck?.disable !== true))(
    '%s is asked for its health with a program that its image has',
    (_name, service) => {
      expect(imageOf(service).has).toContain(service.healthcheck?.test?.[1])
    },
  )

  test.each(services)('%s writes only where its user may: into what the image gave it, as a named volume', (_name, service) => {
    const { owns } = imageOf(service)
    for (const mount of mountsOf(service)) {
      if (isBind(mount)) expect(mount.mode, `${mount.from} belongs to somebody else`).toBe('ro')
      else expect(owns).toContain(mount.to)
    }
  })

  test.each(services)('%s waits only for services that can say they are healthy, and that start with it', (_name, service) => {
    for (const other of Object.keys(service.depends_on ?? {})) {
      const awaited = stack.services[other]
      expect(awaited?.healthcheck?.test, other).toBeDefined()
      expect(awaited?.profiles, `${other} may be left out`).toBeUndefined()
    }
  })

  test('runs in no circle of waiting', () => {
    const order: string[] = []
    const visit = (name: string, path: readonly string[]) => {
      expect(path, 'a circle').not.toContain(name)
      for (const next of Object.keys(stack.services[name]?.depends_on ?? {})) visit(next, [...path, name])
      order.push(name)
    }
    for (const [name] of services) visit(name, [])
    expect(order.length).toBeGreaterThanOrEqual(services.length)
  })

  test('opens its ports to this machine alone, each another one', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? [])
    expect(ports).toEqual(expect.arrayContaining(['127.0.0.1:7717:7717', '127.0.0.1:3000:3000']))
    expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([])
    expect(new Set(ports.map((port) => port.split(':')[1])).size).toBe(ports.length)
  })

  test('finds the others where it looks for them', () => {
    const texts = services.flatMap(([, { environment = {} }]) => Object.values(environment))
    const hosts = texts.flatMap((text) => [...text.matchAll(/^\w+:\/\/([a-z][a-z-]*)(?::\d+)?/g)].map(([, host]) => host))
    expect(hosts).toEqual(expect.arrayContaining(['redis', 'loki', 'prometheus', 'enginescope']))
    expect(hosts.filter((host) => stack.services[String(host)] === undefined)).toEqual([])
  })
})

describe('the stack', () => {
  test('is whole without any profile, and has its extras under one', () => {
    expect(named(({ profiles }) => profiles === undefined)).toEqual([
      'redis',
      'enginescope',
      'alertmanager',
      'prometheus',
      'loki',
      'grafana',
    ])
    expect(named(({ profiles }) => profiles !== undefined)).toEqual(['engines', 'alloy'])
  })

  test('has no Promtail, whose life is over', () => {
    expect(textOf(baseFile).toLowerCase()).not.toContain('promtail')
  })

  test('declares the volumes, networks and secrets that it uses, and no others', () => {
    const volumes = allMounts.filter((mount) => !isBind(mount)).map(({ from }) => from)
    expect(new Set(volumes)).toEqual(new Set(Object.keys(stack.volumes)))
    expect(volumes.length).toBe(new Set(volumes).size)
    const networks = services.flatMap(([, service]) => service.networks ?? ['default'])
    expect(new Set(networks)).toEqual(new Set(Object.keys(stack.networks)))
    const secrets = Object.values(secured.services).flatMap((service) => service.secrets ?? [])
    expect(new Set(secrets)).toEqual(new Set(Object.keys(secured.secrets ?? {})))
  })

  test.each([...new Set(allMounts.filter(isBind).map(({ from }) => from))])(
    'mounts %s, which is there for all to read',
    (from) => {
      const path = normalize(join(root, from))
      expect(existsSync(path)).toBe(true)
      const { mode } = statSync(path)
      // Containers are other users: o+r, and o+x to look into a folder.
      expect(mode & 0o004, 'chmod o+r').not.toBe(0)
      if (statSync(path).isDirectory()) expect(mode & 0o001, 'chmod o+x').not.toBe(0)
    },
  )

  test('keeps its store away from everybody but the aggregator', () => {
    expect(stack.networks['store']).toEqual({ internal: true })
    expect(named(({ networks = [] }) => networks.includes('store'))).toEqual(['redis', 'enginescope'])
    expect(stack.services['redis']).toMatchObject({ networks: ['store'] })
    expect(stack.services['redis']?.ports).toBeUndefined()
  })

  test('has a Redis that keeps what it has answered for, with room to rewrite its log', () => {
    const command = stack.services['redis']?.command?.join(' ') ?? ''
    expect(command).toContain('--appendonly yes --appendfsync always')
    expect(command).toContain('--maxmemory-policy noeviction')
    expect(command).toContain('--maxmemory 1gb')
    expect(stack.services['redis']?.deploy?.resources.limits.memory).toBe('2g')
  })

  test('has two programs alike ask the aggregator for its health: the image and the file', () => {
    const [, program = ''] = /HEALTHCHECK [\s\S]*?CMD (\[.+\])/.exec(textOf('Dockerfile')) ?? []
    expect(stack.services['enginescope']?.healthcheck?.test).toEqual(['CMD', ...JSON.parse(program)])
  })

  test('is found by engines that share its network, on the port the image listens on', () => {
    expect(stack.services['engines']?.environment).toMatchObject({ ENGINESCOPE_URL: 'http://enginescope:7717' })
    expect(textOf('Dockerfile')).toContain('EXPOSE 7717')
  })
})

describe('the settings of the aggregator', () => {
  const folder = mkdtempSync(join(tmpdir(), 'enginescope-stack-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const checkConfig = (environment: Readonly<Record<string, string>> = {}) =>
    spawnSync(process.execPath, ['bin/enginescope.js', 'check-config'], {
      cwd: root,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], ...environment },
    })

  test('are without fault and without warning', () => {
    const { NODE_OPTIONS: _, ...environment } = stack.services['enginescope']?.environment ?? {}
    const { status, stdout, stderr } = checkConfig(environment)
    expect(`${stdout}${stderr}`).not.toMatch(/fault|warning/)
    expect(status).toBe(0)
  })

  test('are without fault when tokens are asked for, and the example of the file fits', () => {
    const tokens = join(folder, 'tokens.yaml')
    writeFileSync(tokens, textOf('deploy/compose/secrets/tokens.yaml.example'))
    const { NODE_OPTIONS: _, ...environment } = secured.services['enginescope']?.environment ?? {}
    expect(environment['ENGINESCOPE_AUTH_FILE']).toBe('/run/secrets/enginescope-tokens')
    const { status, stdout, stderr } = checkConfig({ ...environment, ENGINESCOPE_AUTH_FILE: tokens })
    expect(`${stdout}${stderr}`).not.toMatch(/fault|warning/)
    expect(status).toBe(0)
    expect(readAuthFile(tokens).tokens?.map(({ role }) => role)).toEqual(['report', 'read', 'admin'])
  })
})

describe('secrets', () => {
  const files = Object.values(secured.secrets ?? {}).map(({ file }) => normalize(file))

  test.each(files)('%s has an example, and is itself never committed', (file) => {
    expect(existsSync(join(root, `${file}.example`))).toBe(true)
    expect(spawnSync('git', ['check-ignore', '-q', file], { cwd: root }).status).toBe(0)
    expect(spawnSync('git', ['check-ignore', '-q', `${file}.example`], { cwd: root }).status).toBe(1)
  })

  test('come by file: no variable holds one', () => {
    for (const [, { environment = {} }] of Object.entries(secured.services)) {
      const names = Object.keys(environment).filter((name) => /PASSWORD|TOKEN|SECRET/.test(name))
      expect(names.filter((name) => !/(__FILE|_FILE)$/.test(name))).toEqual([])
    }
  })
})

describe('variables', () => {
  test('have defaults, so that one command is enough', () => {
    expect(() => interpolate('http://$HOST')).toThrow('has no default')
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Compose reads it, not JavaScript
    expect(() => interpolate('${HOST}')).toThrow('has no default')
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as above
    expect(interpolate('${PORT:-80} $$line')).toBe('80 $line')
  })

  test('move a port', () => {
    const moved = composeOf([baseFile], { GRAFANA_HOST_PORT: '3001', ENGINESCOPE_HOST_PORT: '7717-7719' })
    expect(moved.services['grafana']?.ports).toEqual(['127.0.0.1:3001:3000'])
    expect(moved.services['enginescope']?.ports).toEqual(['127.0.0.1:7717-7719:7717'])
  })
})
