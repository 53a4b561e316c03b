/** The services that are compared, each started with a Redis of its own. */
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/ports.ts'
import { type Program, startProgram } from '../../test/support/process.ts'
import { type RedisServer, startRedis } from '../../test/support/redis.ts'
import type { ServiceName } from './driver.ts'

export type AppendOnly = 'off' | 'always'

export type RunningService = {
  readonly url: string
  readonly pid: number
  readonly redisPid: number
  readonly stop: () => Promise<void>
}

export type ServiceOptions = {
  readonly appendOnly: AppendOnly
  /** The built program of the aggregator. */
  readonly aggregator: string
  /** Further arguments of Node for the service, e.g. `--cpu-prof`. */
  readonly nodeArgs: readonly string[]
}

/** Starts a service. @throws with its output when it does not get ready */
export async function startService(name: ServiceName, options: ServiceOptions): Promise<RunningService> {
  const redis = await startRedis({ appendOnly: options.appendOnly === 'always' })
  try {
    const port = await freePort()
    const program = await (name === 'naive' ? startNaive : startAggregator)(port, redis, options)
    return {
      url: `http://127.0.0.1:${port}`,
      pid: program.pid,
      redisPid: await pidOf(redis),
      stop: async () => {
        await program.stop()
        await redis.stop()
      },
    }
  } catch (error) {
    await redis.stop()
    throw error
  }
}

function startNaive(port: number, redis: RedisServer, { nodeArgs }: ServiceOptions): Promise<Program> {
  const file = fileURLToPath(new URL('./naive/server.js', import.meta.url))
  const env = { PORT: String(port), REDIS_URL: redis.url, NODE_ENV: 'production' }
  return startProgram(process.execPath, [...nodeArgs, file], { env, readyLine: /^ready$/ })
}

function startAggregator(port: number, redis: RedisServer, { nodeArgs, aggregator }: ServiceOptions): Promise<Program> {
  const env = { ENGINESCOPE_PORT: String(port), ENGINESCOPE_REDIS_URL: redis.url, NODE_ENV: 'production' }
  return startProgram(process.execPath, [...nodeArgs, aggregator, 'serve'], { env, readyLine: /ready for reports/ })
}

async function pidOf(redis: RedisServer): Promise<number> {
  const info = await redis.client().info('server')
  return Number(/process_id:(\d+)/.exec(info)?.[1])
}
