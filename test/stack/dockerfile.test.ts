import { describe, expect, test } from 'vitest'
import { textOf } from './compose-file.ts'
import { allOf, copiesOf, parseDockerfile, type Stage } from './dockerfile.ts'

const text = textOf('Dockerfile')
const { args, stages } = parseDockerfile(text)
const [build, final] = stages as [Stage, Stage]
const manifest = JSON.parse(textOf('package.json'))

describe('the Dockerfile', () => {
  test('has two stages on one exact version of Node, and a digest may be given', () => {
    expect(stages.map(({ base, name }) => [base, name])).toEqual([
      ['docker.io/library/node:20.20.2-bookworm-slim', 'build'],
      ['docker.io/library/node:20.20.2-bookworm-slim', undefined],
    ])
    expect(Object.keys(args)).toEqual(['NODE_IMAGE'])
  })

  test('installs what the lock file says, runs no script of a package, and leaves the compiler behind', () => {
    expect(allOf(build, 'RUN')).toEqual(['npm ci --ignore-scripts', 'npm run build && npm prune --omit=dev --ignore-scripts'])
    expect(allOf(final, 'RUN')).toEqual([])
  })

  test('installs before it sees the sources, so that an edit installs nothing again', () => {
    const steps = build.instructions.map(({ name, rest }) => `${name} ${rest}`)
    expect(steps.indexOf('RUN npm ci --ignore-scripts')).toBeLessThan(steps.indexOf('COPY src ./src'))
  })

  test('carries over what runs, and nothing that was only needed to build it', () => {
    const carried = copiesOf(final).flatMap(({ sources }) => sources.map((source) => source.replace(/^\/app\//, '')))
    expect(carried.sort()).toEqual(['LICENSE', 'bin', 'dist', 'node_modules', 'package.json'])
    expect(copiesOf(final).filter(({ stage }) => stage !== undefined && stage !== 'build')).toEqual([])
  })

  test('runs as a user without rights, given as a number', () => {
    expect(allOf(final, 'USER')).toEqual(['1000:1000'])
    const last = final.instructions.findLastIndex(({ name }) => name === 'COPY')
    expect(final.instructions.findIndex(({ name }) => name === 'USER')).toBeGreaterThan(last)
  })

  test.each(['HEALTHCHECK', 'ENTRYPOINT', 'CMD'])('says %s without a shell', (name) => {
    const [rest = ''] = allOf(final, name)
    const command: unknown = JSON.parse(rest.replace(/^.*CMD (?=\[)/, ''))
    expect(Array.isArray(command)).toBe(true)
    expect(command).not.toContain('sh')
  })

  test('holds no secret, fetches nothing by address and installs no system package', () => {
    expect(text).not.toMatch(/^(ADD|SHELL|VOLUME)\b/m)
    expect(text).not.toMatch(/\b(curl|wget|apt-get|sudo|chmod 777)\b/)
    const names = stages.flatMap((stage) => [...allOf(stage, 'ARG'), ...allOf(stage, 'ENV')])
    expect(names.filter((name) => /token|password|secret|key|auth/i.test(name))).toEqual([])
  })

  test.each(['title', 'description', 'licenses', 'version', 'revision', 'created', 'base.name'])(
    'labels the image with org.opencontainers.image.%s',
    (name) => {
      expect(allOf(final, 'LABEL').join(' ')).toContain(`org.opencontainers.image.${name}="`)
    },
  )

  test('names this version and this licence', () => {
    expect(allOf(final, 'ARG')).toContain(`VERSION=${manifest.version}`)
    expect(allOf(final, 'LABEL').join(' ')).toContain(`licenses="${manifest.license}"`)
    expect(allOf(final, 'LABEL').join(' ')).toContain(`base.name="${args['NODE_IMAGE']}"`)
  })
})

describe('.dockerignore', () => {
  const lines = textOf('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const allowed = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1))

  test('keeps everything out but what is named', () => {
    expect(lines[0]).toBe('*')
    expect(lines.filter((line) => !line.startsWith('!'))).toEqual(['*', '**/*.test.ts'])
  })

  test('lets in exactly what the Dockerfile copies', () => {
    const copied = stages.flatMap(copiesOf).filter(({ stage }) => stage === undefined)
    expect([...allowed].sort()).toEqual([...new Set(copied.flatMap(({ sources }) => sources))].sort())
  })
})

describe('the reader of Dockerfiles', () => {
  test('joins continued lines and leaves comments out', () => {
    const { stages: read } = parseDockerfile(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: Docker reads it, not JavaScript
      'ARG A=x:1\n# why\nFROM ${A} AS one\nLABEL a="1" \\\n      b="2"\nCOPY --from=two /a ./b\n',
    )
    expect(read[0]).toMatchObject({ base: 'x:1', name: 'one' })
    expect(read.map((stage) => allOf(stage, 'LABEL'))).toEqual([['a="1" b="2"']])
    expect(read.flatMap(copiesOf)).toEqual([{ stage: 'two', sources: ['/a'], target: './b' }])
  })

  test('objects to what is no instruction', () => {
    expect(() => parseDockerfile('FROM a\nrun something')).toThrow('no instruction')
    expect(() => parseDockerfile('RUN a\nFROM b')).toThrow('before the first FROM')
  })
})
