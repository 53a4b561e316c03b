import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { requireConfig } from '../../config/load.ts'
import { parseRedisTarget } from '../../config/redis-target.ts'
import { alertmanagerConfig } from './alertmanager-child.ts'
import { startChild } from './child.ts'
import { openDataFolder } from './data-folder.ts'
import { stampOfProcess } from './process-stamp.ts'
import { diesWithParent } from './programs.ts'
import { prometheusConfig } from './prometheus-child.ts'
import { startRedisChild } from './redis-child.ts'
import { type Stack, type StackOptions, startStack } from './stack.ts'
import { StackError } from './stack-error.ts'

let folder: string
const stacks: Stack[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'enginescope-stack-'))
})
afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.stop()
  rmSync(folder, { recursive: true, force: true })
})

const env = process.env
const until = { timeout: 15_000, interval: 50 }

/** Stands in for `enginescope serve`: ready at once, one series, and its settings on `/env`. */
const standIn = `
  const { createServer } = require('node:http')
  createServer((request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8')
    if (request.url === '/die') { console.error('the last words'); process.exit(3) }
    if (request.url === '/env') return response.end(JSON.stringify(process.env))
    response.end('# HELP stand_in x\\n# TYPE stand_in gauge\\nstand_in{instance=""} 1\\n')
  }).listen(Number(process.env.ENGINESCOPE_PORT), process.env.ENGINESCOPE_HOST)
`

function options(changes: Partial<StackOptions> = {}, settings: Record<string, string> = {}): StackOptions {
  const any = { port: 0, isExplicit: false }
  return {
    ...requireConfig({ env: settings, flags: { port: '0' }, folder }),
    env,
    dataFolder: folder,
    serveCommand: [process.execPath, '-e', standIn],
    settings: {},
    prometheus: any,
    alertmanager: any,
    scrapeIntervalMs: 1000,
    signal: new AbortController().signal,
    ...changes,
  }
}
async function up(changes?: Partial<StackOptions>, settings?: Record<string, string>): Promise<Stack> {
  const stack = await startStack(options(changes, settings))
  stacks.push(stack)
  return stack
}
const withoutPrograms = (programs: string[]) => {
  const bin = join(folder, 'bin')
  spawnSync('mkdir', ['-p', bin])
  for (const program of programs) {
    const path = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim()
    if (path !== '') spawnSync('ln', ['-s', path, join(bin, program)])
  }
  return { ...env, PATH: bin }
}

describe('its own Redis', () => {
  test('is durable, never evicts, listens on its socket only, and has its data again after a restart', async () => {
    const start = async () => {
      const data = await openDataFolder(folder)
      return { data, redis: await startRedisChild({ data, env, prefix: [], signal: new AbortController().signal }) }
    }
    const first = await start()
    const client = new Redis(first.redis.socketPath)
    const settings = ['appendonly', 'appendfsync', 'maxmemory-policy', 'save', 'port', 'unixsocketperm']
    const values = await Promise.all(settings.map(async (name) => ((await client.config('GET', name)) as string[])[1]))
    expect(values).toEqual(['yes', 'always', 'noeviction', '', '0', '700'])
    await client.set('kept', 'yes')
    client.disconnect()
    first.redis.kill()
    await first.redis.exited
    first.data.release()

    const second = await start()
    const again = new Redis(second.redis.socketPath)
    expect(await again.get('kept')).toBe('yes')
    again.disconnect()
    expect(await second.redis.stop()).toEqual({ code: 0, signal: null })
    expect(parseRedisTarget(second.redis.url)).toMatchObject({ kind: 'socket', path: second.redis.socketPath })
    second.data.release()
  })

  test('a folder with a long path is no obstacle', async () => {
    const data = await openDataFolder(join(folder, 'x'.repeat(120)))
    const redis = await startRedisChild({ data, env, prefix: [], signal: new AbortController().signal })
    expect(await new Redis(redis.socketPath).quit()).toBe('OK')
    await redis.stop()
  })

  test('where it is not installed, the error names the command that installs it', async () => {
    await expect(startStack(options({ env: withoutPrograms([]) }))).rejects.toThrow('apt-get install redis-server')
  })
})

describe('the stack', () => {
  test('comes up whole, Prometheus scrapes the aggregator, and goes down whole', async () => {
    const stack = await up()
    const { prometheus, alertmanager } = stack
    if (prometheus === undefined || alertmanager === undefined)
      throw new Error('prometheus and alertmanager are needed for this test')
    const given = JSON.parse(await (await fetch(`${stack.aggregator.url}/env`)).text())
    expect(given).toMatchObject({ ENGINESCOPE_REDIS_URL: stack.redis.url, ENGINESCOPE_PROMETHEUS_URL: prometheus.url })
    const query = `${prometheus.url}/api/v1/query?query=${encodeURIComponent('stand_in{instance="",job="enginescope"}')}`
    await vi.waitFor(async () => expect(await (await fetch(query)).json()).toMatchObject({ data: { result: [{}] } }), until)
    const feeds = `${prometheus.url}/api/v1/alertmanagers`
    const url = `${alertmanager.url}/api/v2/alerts`
    await vi.waitFor(
      async () => expect(await (await fetch(feeds)).json()).toMatchObject({ data: { activeAlertmanagers: [{ url }] } }),
      until,
    )
    expect(stack.leftOut.map(({ name }) => name)).toEqual(['Loki', 'Grafana'])
    const pids = [stack.redis, stack.aggregator, prometheus, alertmanager].map(({ pid }) => pid)
    expect(pids.map(stampOfProcess)).not.toContain(undefined)
    await stack.stop()
    expect(pids.map(stampOfProcess)).toEqual(pids.map(() => undefined))
  })

  const slim = () => withoutPrograms(['redis-server', 'setpriv'])

  test('does without Prometheus and Alertmanager, and says how to have them', async () => {
    const stack = await up({ env: slim() })
    expect([stack.prometheus, stack.alertmanager]).toEqual([undefined, undefined])
    expect(stack.leftOut[0]).toEqual({ name: 'Prometheus', how: 'apt-get install prometheus' })
  })

  test('a part that dies is reported with its last words', async () => {
    const stack = await up({ env: slim() })
    await fetch(`${stack.aggregator.url}/die`).catch(() => undefined)
    const broken = await stack.broken
    expect(broken.message).toContain('aggregator has ended (exit code 3)')
    expect(broken.lines).toContain('the last words')
  })

  test('an aggregator that cannot start is an error with the end of its log, and nothing is left running', async () => {
    const serveCommand = [process.execPath, '-e', 'console.error("no such thing"); process.exit(78)']
    const error = await startStack(options({ env: slim(), serveCommand })).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(StackError)
    expect(error).toMatchObject({ message: 'aggregator ended at once (exit code 78)', lines: ['no such thing'] })
    await up({ env: slim() })
  })

  test('a second stack in the same folder is refused and told where the first one is', async () => {
    const stack = await up({ env: slim() })
    await expect(startStack(options({ env: slim() }))).rejects.toThrow(
      `already running in ${folder} (process ${process.pid} at ${stack.aggregator.url})`,
    )
  })

  test('what a killed run has left running is stopped by the next start', async () => {
    const child = await startChild({
      name: 'redis',
      command: ['sleep', '600'],
      env,
      logFile: join(folder, 'sleep.log'),
      graceMs: 1,
      prefix: [],
    })
    const owner = { name: 'up', pid: 999_999_999, stamp: 'gone' }
    const left = { name: 'redis', pid: child.pid, stamp: stampOfProcess(child.pid) }
    const stranger = { name: 'prometheus', pid: process.pid, stamp: 'of an earlier process with this number' }
    writeFileSync(join(folder, 'stack.json'), JSON.stringify({ owner, url: '', children: [left, stranger] }))
    const stack = await up({ env: slim() })
    expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' })
    expect(stack.notes).toEqual(['redis of a run that was killed was still there and has been stopped'])
  })

  test('a start that is called off half-way leaves nothing running', async () => {
    const controller = new AbortController()
    const never = [process.execPath, '-e', 'setInterval(() => {}, 1000)']
    const starting = startStack(options({ env: slim(), serveCommand: never, signal: controller.signal }))
    const refused = expect(starting).rejects.toThrow('aborted')
    await vi.waitFor(() => expect(existsSync(join(folder, 'logs', 'aggregator.log'))).toBe(true), until)
    controller.abort()
    await refused
    await up({ env: slim() })
  })

  test.skipIf(diesWithParent(env['PATH']).length === 0)(
    'its parts end with it, even when it is killed (skipped where setpriv is not installed)',
    async () => {
      const script = `
      const [prefix, ...command] = JSON.parse(process.argv[1])
      const { spawn } = require('node:child_process')
      const child = spawn(prefix[0], [...prefix.slice(1), ...command], { stdio: 'ignore', detached: true })
      console.log(child.pid)
      setInterval(() => {}, 1000)`
      const log = join(folder, 'parent.log')
      const command = [process.execPath, '-e', script, JSON.stringify([diesWithParent(env['PATH']), 'sleep', '600'])]
      const parent = await startChild({ name: 'parent', command, env, logFile: log, graceMs: 1, prefix: [] })
      const pid = await vi.waitFor(() => {
        const printed = Number(readFileSync(log, 'utf8'))
        expect(stampOfProcess(printed)).toBeDefined()
        return printed
      }, until)
      // The death signal is set between fork and exec; until then the child is not yet `sleep`.
      await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('sleep\n'), until)
      parent.kill()
      await vi.waitFor(() => expect(stampOfProcess(pid)).toBeUndefined(), until)
    },
  )

  test('durability fast relaxes its Redis, ha is refused', async () => {
    const stack = await up({ env: slim() }, { ENGINESCOPE_DURABILITY: 'fast' })
    const client = new Redis(stack.redis.socketPath)
    expect(await client.config('GET', 'appendfsync')).toEqual(['appendfsync', 'everysec'])
    client.disconnect()
    await expect(startStack(options({}, { ENGINESCOPE_DURABILITY: 'ha' }))).rejects.toThrow('needs a Redis with a replica')
  })
})

describe('the configurations it writes', () => {
  const check = (program: string, args: string[], name: string, text: string) => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return spawnSync(program, [...args, path], { encoding: 'utf8' })
  }

  test('are accepted by promtool, with and without rules', () => {
    const target = { target: '127.0.0.1:7717', alertmanager: '127.0.0.1:9093', scrapeIntervalMs: 2500 }
    for (const rules of [undefined, join(folder, '*.yml.none')]) {
      const { status, stderr } = check('promtool', ['check', 'config'], 'prometheus.yml', prometheusConfig(target, rules))
      expect([status, stderr]).toEqual([0, expect.not.stringContaining('FAILED')])
    }
  })

  test('are accepted by amtool, and the webhook reaches every receiver but the quiet one', () => {
    const shipped = 'route: {receiver: page, routes: [{receiver: quiet}]}\nreceivers: [{name: page}, {name: quiet}]\n'
    const text = alertmanagerConfig(shipped, 'http://127.0.0.1:1/alerts')
    expect(text.match(/webhook_configs/g)).toHaveLength(1)
    expect(check('amtool', ['check-config'], 'am.yml', text).status).toBe(0)
    expect(check('amtool', ['check-config'], 'bare.yml', alertmanagerConfig(undefined, undefined)).status).toBe(0)
  })
})

test('a taken port is told, and the next free one used', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const stack = await up({ env: { ...env }, prometheus: { port, isExplicit: false } })
  expect(stack.notes).toEqual([expect.stringMatching(new RegExp(`^prometheus: port ${port} is taken, so it listens on \\d+`))])
  server.close()
})
