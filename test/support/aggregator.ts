import { eventually } from './eventually.ts'
import { type HttpClient, httpClient } from './http.ts'
import { freePort } from './ports.ts'
import { type Exit, type Program, startEnginescope } from './process.ts'
import { parsePrometheusText } from './prometheus-text.ts'

export type AggregatorOptions = {
  readonly redisUrl: string
  /** Default: a free one. */
  readonly port?: number
  /** Settings by their variable without the prefix: `{ LOST_AFTER: '2s' }`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Further variables, e.g. `NODE_OPTIONS`. */
  readonly env?: Readonly<Record<string, string>>
}

/** A real `enginescope serve` of the built program. */
export type Aggregator = {
  readonly url: string
  readonly port: number
  readonly http: HttpClient
  readonly program: Program
  /** Reads `/metrics` as Prometheus does, through the second parser. @param isScrape whether it counts as a scrape */
  readonly metrics: (isScrape?: boolean) => Promise<ReturnType<typeof parsePrometheusText>>
  readonly stop: () => Promise<Exit>
}

/** Starts the aggregator and waits until it is ready. */
export async function startAggregator(options: AggregatorOptions): Promise<Aggregator> {
  const port = options.port ?? (await freePort())
  const settings = Object.entries({ LEASE: '3s', ...options.settings }).map(([name, value]) => [`ENGINESCOPE_${name}`, value])
  const program = await startEnginescope(['serve'], {
    env: {
      ENGINESCOPE_PORT: String(port),
      ENGINESCOPE_REDIS_URL: options.redisUrl,
      ...Object.fromEntries(settings),
      ...options.env,
    },
    readyLine: /ready for reports/,
    readyTimeoutMs: 60_000,
  })
  const url = `http://127.0.0.1:${port}`
  const http = httpClient(url)
  return {
    url,
    port,
    http,
    program,
    metrics: async (isScrape = false) => {
      const answer = await http.get('/metrics', isScrape ? { 'x-prometheus-scrape-timeout-seconds': '10' } : {})
      return parsePrometheusText(answer.text)
    },
    stop: () => program.stop(),
  }
}

/** Waits until replicas that have just started share all shards and the fleet between them: until then series move. */
export function untilShared(replicas: readonly Aggregator[]): Promise<unknown> {
  const ownedBy = async (replica: Aggregator) => (await replica.metrics()).get('enginescope_shards_owned')?.samples[0]?.value ?? 0
  return eventually(
    () => Promise.all(replicas.map(ownedBy)),
    (owned) => owned.every((count) => count > 0) && owned.reduce((sum, count) => sum + count, 0) === 16,
    { what: 'the shards to be shared', timeoutMs: 20_000 },
  )
}

/** Waits until an aggregator holds all shards and the fleet, as after a start beside the leases of a dead one. */
export function untilItOwnsAll(aggregator: Aggregator): Promise<unknown> {
  return eventually(
    async () => {
      const families = await aggregator.metrics()
      return families.get('enginescope_shards_owned')?.samples[0]?.value === 16
    },
    undefined,
    { what: 'all shards to be owned', timeoutMs: 20_000 },
  )
}
