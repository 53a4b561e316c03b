/** Whether a Redis keeps what it is given: no evicting, and writes on disk before they are answered. */
import { Cluster } from 'ioredis'
import type { Store } from '../jobs/store/commit.ts'

export type StoreSafety = {
  /** Set when the store may throw records away: it must not be used. */
  readonly refusal: string | undefined
  /** False when a power cut may lose what was answered. */
  readonly isDurable: boolean
  readonly remarks: readonly string[]
}

/** Asks every master. Managed services that hide CONFIG are judged by INFO alone. @throws when the store cannot be reached */
export async function checkStoreSafety(store: Store): Promise<StoreSafety> {
  const nodes = store instanceof Cluster ? store.nodes('master') : [store]
  const answers = await Promise.all(
    nodes.map(async (node) => ({
      info: infoOf(`${await node.info('memory')}\n${await node.info('persistence')}\n${await node.info('server')}`),
      fsync: await fsyncOf((parameter) => node.config('GET', parameter) as Promise<unknown>),
    })),
  )
  const evicting = answers.find(({ info }) => (info.get('maxmemory_policy') ?? 'noeviction') !== 'noeviction')
  const hasAof = answers.every(({ info }) => info.get('aof_enabled') === '1')
  const isSynced = answers.every(({ fsync }) => fsync === 'always')
  const remarks: string[] = []
  if (!hasAof) remarks.push('appendonly is off: a restart of Redis loses acknowledged reports')
  else if (!isSynced) remarks.push('appendfsync is not "always": a power cut may lose acknowledged reports')
  return {
    refusal:
      evicting === undefined
        ? refusedVersion(answers.map(({ info }) => info.get('redis_version') ?? ''))
        : `maxmemory-policy is "${evicting.info.get('maxmemory_policy')}": Redis would throw job state away; set it to "noeviction"`,
    isDurable: hasAof && isSynced,
    remarks,
  }
}

function refusedVersion(versions: readonly string[]): string | undefined {
  const old = versions.find((version) => version !== '' && Number.parseInt(version, 10) < 7)
  return old === undefined ? undefined : `Redis ${old} is too old: 7 or newer (or Valkey) is needed`
}

function infoOf(text: string): Map<string, string> {
  return new Map(
    text.split(/\r?\n/).flatMap((line): [string, string][] => {
      const colon = line.indexOf(':')
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)]] : []
    }),
  )
}

async function fsyncOf(ask: (parameter: string) => Promise<unknown>): Promise<string | undefined> {
  try {
    const answer = await ask('appendfsync')
    const value = Array.isArray(answer) ? answer[1] : undefined
    return typeof value === 'string' ? value : undefined
  } catch (error) {
    // Managed services refuse CONFIG; then nothing is known, which counts as not durable.
    if (error instanceof Error && /unknown command|NOPERM|not allowed|disabled/i.test(error.message)) return undefined
    throw error
  }
}
