/**
 * Takes the steps of the Dockerfile by hand, with only the files that it copies: proves that what ends up in the image
 * runs. Takes half a minute and the network (npm ci), so it is asked for, as CI does: ENGINESCOPE_TEST_IMAGE=1 npx vitest run test/stack
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/ports.ts'
import { type Program, startProgram } from '../support/process.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { root, textOf } from './compose-file.ts'
import { allOf, copiesOf, parseDockerfile, type Stage } from './dockerfile.ts'

const [build, final] = parseDockerfile(textOf('Dockerfile')).stages as [Stage, Stage]

function run(command: string, cwd: string): string {
  const done = spawnSync('sh', ['-c', command], { cwd, encoding: 'utf8', timeout: 300_000, env: cleanEnvironment() })
  if (done.status !== 0) throw new Error(`${command}\n${done.stdout}${done.stderr}`, { cause: done.error })
  return done.stdout
}

/** Without what this test run has put into the environment of its children. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_|ENGINESCOPE_|npm_)/i.test(name))
  return Object.fromEntries(entries)
}

/** The size of everything below a folder. */
function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
}

/** One COPY. @param from the folder that stands for the build's context, or for the other stage */
function copyAll(sources: readonly string[], from: string, to: string, target: string): void {
  for (const source of sources) {
    const isInto = sources.length > 1 || target.endsWith('/') || target === './'
    const place = isInto ? join(to, target, source.split('/').at(-1) ?? '') : join(to, target)
    mkdirSync(dirname(place), { recursive: true })
    cpSync(join(from, source), place, { recursive: true, filter: (path) => !path.endsWith('.test.ts'), verbatimSymlinks: true })
  }
}

describe.runIf(process.env['ENGINESCOPE_TEST_IMAGE'] === '1')(
  'what the image holds (skipped unless ENGINESCOPE_TEST_IMAGE=1)',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'enginescope-image-'))
    const buildFolder = join(folder, 'build')
    const app = join(folder, 'final')
    let redis: RedisServer | undefined
    let program: Program | undefined

    beforeAll(() => {
      mkdirSync(buildFolder)
      for (const instruction of build.instructions) {
        if (instruction.name === 'RUN') run(instruction.rest, buildFolder)
        if (instruction.name !== 'COPY') continue
        const [copy] = copiesOf({ ...build, instructions: [instruction] })
        if (copy !== undefined) copyAll(copy.sources, root, buildFolder, copy.target)
      }
      for (const { stage, sources, target } of copiesOf(final)) {
        const plain = sources.map((source) => source.replace(/^\/app\//, ''))
        copyAll(plain, stage === undefined ? root : buildFolder, app, target)
      }
    }, 400_000)

    afterAll(async () => {
      await program?.stop()
      await redis?.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    test('knows its version', () => {
      const { version } = JSON.parse(textOf('package.json'))
      expect(run('node bin/enginescope.js --version', app).trim()).toBe(version)
    })

    test('has no compiler, no tests, no sources, and is small', () => {
      for (const name of ['typescript', 'vitest', '@biomejs/biome', '@grafana/grafana-foundation-sdk']) {
        expect(existsSync(join(app, 'node_modules', name)), name).toBe(false)
      }
      expect(existsSync(join(app, 'src'))).toBe(false)
      expect(bytesBelow(app)).toBeLessThan(64 * 1024 * 1024)
    })

    test('serves, answers the health check of the image, and leaves when it is told to', async () => {
      redis = await startRedis()
      const port = await freePort()
      const env = {
        ...cleanEnvironment(),
        ENGINESCOPE_PORT: String(port),
        ENGINESCOPE_REDIS_URL: redis.url,
        NODE_ENV: 'production',
      }
      program = await startProgram('node', ['bin/enginescope.js', 'serve'], { cwd: app, env })
      const [, health = ''] = /CMD (\[.+\])$/.exec(allOf(final, 'HEALTHCHECK')[0] ?? '') ?? []
      const [command = '', ...args] = JSON.parse(health)
      await eventually(() => spawnSync(command, args, { env }).status === 0, undefined, { timeoutMs: 20_000 })
      expect(await program.stop()).toMatchObject({ code: 0 })
      expect(spawnSync(command, args, { env }).status).toBe(1)
    })

    test('has the examples that the demo profile runs', () => {
      for (const name of ['word-count/main.js', 'prime-sieve.js', 'idle-engine.js']) {
        expect(existsSync(join(app, 'dist/examples', name)), name).toBe(true)
      }
    })
  },
)
