// An agent in as few lines as possible, as a process of its own: `node tiny-agent.mjs <JSON>` with {redisUrl, id, algorithm,
// capacity, leaseMs, claims?}. What a run does stands in the key of its model, as JSON: {delayMs, output, failures, fatal, garbage,
// twice, silent}. Every run is noted in the Redis list `test:runs` as `<eventId> <fence> <agent>`.
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { openBell } from '../../../dist/hub/bell.js'
import { keepRegistered } from '../../../dist/hub/registry/membership.js'
import { openRedisRegistry } from '../../../dist/hub/registry/redis/redis-registry.js'

const { redisUrl, id, algorithm, capacity, leaseMs, claims = algorithm } = JSON.parse(process.argv[2])
const connect = () => {
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: 0, retryStrategy: () => 100 })
  redis.on('error', () => undefined)
  return redis
}
const redis = connect()
const bell = openBell(connect())
const registry = openRedisRegistry(redis, bell, { leaseMs, suspectMs: leaseMs, forgetMs: 3_600_000 })
const offer = (key) => ({ key, name: key, description: '', tags: [], catalog: key })
const incarnation = new Date().toISOString()
/** @type {Map<string, {fence: number, replyTo: string, deadline: number, startedAt: number, isDone: boolean, result?: object, isSending?: boolean}>} */
const events = new Map()
const running = () => [...events.values()].filter(({ isDone }) => !isDone).length

/** Sends a result until it is answered, or nobody waits for it any more. */
async function reply(event, result) {
  event.result = result
  event.isSending = true
  try {
    return await send(event, result)
  } finally {
    event.isSending = false
  }
}

async function send(event, result) {
  while (Date.now() < event.deadline) {
    const { fence, replyTo } = event
    const body = JSON.stringify({ ...result, fence })
    try {
      const init = { method: 'POST', body, headers: { 'content-type': 'application/json' }, signal: AbortSignal.timeout(2_000) }
      const { status } = await fetch(replyTo, init)
      // A fence that rose meanwhile: whoever has the process now is told too.
      if (status < 500 && fence === event.fence) return status
    } catch {
      // Nobody there: tried again.
    }
    await pause(100)
  }
  return 0
}

async function run({ eventId, attempt, model, input }, event) {
  const wish = JSON.parse(model.key ?? '{}')
  await redis.rpush('test:runs', `${eventId} ${event.fence} ${id}`)
  await pause(wish.delayMs ?? 0)
  if (wish.silent) return
  const base = {
    eventId,
    agent: id,
    warnings: [],
    logs: [{ ts: Date.now(), level: 'INFO', line: `ran ${eventId}` }],
    durationMs: wish.delayMs ?? 1,
  }
  const isFailing = wish.fatal === true || attempt <= (wish.failures ?? 0)
  const failed = {
    ...base,
    ok: false,
    error: { code: 'NO_TARGET', message: 'no column to predict' },
    retryable: wish.fatal !== true,
  }
  const output = wish.output ?? { key: `${eventId}(${Object.keys(input).sort().join('+')})` }
  const result = isFailing ? failed : { ...base, ok: true, output: wish.garbage === true && attempt === 1 ? 7 : output }
  event.isDone = true
  membership.tell()
  await reply(event, result)
  if (wish.twice) await redis.rpush('test:again', String(await reply(event, result)))
}

const server = createServer(async (request, response) => {
  const answer = (status, body, headers = {}) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
  if (request.url === '/agent/algorithm') return answer(200, offer(claims))
  if (request.url === '/agent/status') {
    const open = [...events].filter(([, { isDone }]) => !isDone).map(([eventId, { startedAt }]) => ({ eventId, startedAt }))
    return answer(200, { agent: id, algorithm, incarnation, state: 'live', running: running(), capacity, events: open })
  }
  if (request.method === 'DELETE') {
    await redis.rpush('test:stopped', decodeURIComponent(request.url ?? ''))
    return answer(202, {})
  }
  const event = JSON.parse(await text(request))
  const { eventId, fence, replyTo, deadline } = event
  const known = events.get(eventId)
  if (known !== undefined) {
    const isRaised = fence > known.fence
    if (isRaised) Object.assign(known, { fence, replyTo, deadline })
    answer(202, { eventId })
    if (isRaised && known.result !== undefined && !known.isSending) await reply(known, known.result)
    return
  }
  if (running() >= capacity) return answer(429, { error: { code: 'AGENT_FULL' } }, { 'retry-after': '0' })
  const entry = { fence, replyTo, deadline, startedAt: Date.now(), isDone: false }
  events.set(eventId, entry)
  answer(202, { eventId })
  membership.tell()
  await run(event, entry)
})
server.listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const url = `http://127.0.0.1:${server.address().port}`
const membership = keepRegistered({
  registry,
  member: { kind: 'agent', id, incarnation, url, algorithm: offer(algorithm), capacity, version: 'test' },
  load: () => ({ running: running() }),
  renewEveryMs: leaseMs / 3,
  onTrouble: () => undefined,
})
process.on('SIGTERM', async () => {
  await membership.leave()
  process.exit(0)
})
process.stdout.write('ready\n')
