import { answersOk, type StackChild } from './child.ts'
import { type Surroundings, startPart } from './part.ts'

/** The aggregator, and where it is reached from this machine. */
export type AggregatorChild = StackChild & { readonly url: string }

export type AggregatorOptions = {
  /** The program and arguments of `enginescope serve`. */
  readonly command: readonly string[]
  readonly host: string
  readonly port: number
  readonly redisUrl: string
  /** Further settings as environment variables. */
  readonly settings: Readonly<Record<string, string>>
}

/** `host:port` as this machine reaches it: an address that means "all of mine" is reached by loopback. */
export function reachable(host: string, port: number): string {
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return near.includes(':') ? `[${near}]:${port}` : `${near}:${port}`
}

/** Starts `serve` and waits for its readiness route. @throws StackError with the end of its log */
export async function startAggregatorChild(around: Surroundings, options: AggregatorOptions): Promise<AggregatorChild> {
  const { ENGINESCOPE_REDIS_URL_FILE: _, ...env } = around.env
  const url = `http://${reachable(options.host, options.port)}`
  const child = await startPart(around, {
    name: 'aggregator',
    command: options.command,
    env: {
      ...env,
      ...options.settings,
      ENGINESCOPE_HOST: options.host,
      ENGINESCOPE_PORT: String(options.port),
      ENGINESCOPE_REDIS_URL: options.redisUrl,
    },
    graceMs: 15_000,
    isReady: () => answersOk(`${url}/-/ready`),
    readyTimeoutMs: 60_000,
  })
  return { ...child, url }
}
