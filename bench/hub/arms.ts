/** The two arms: the same chain of two steps that do nothing, over EngineHub and over BullMQ, each with six workers of its own. */
import { fileURLToPath } from 'node:url'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { type Program, startProgram } from '../../test/support/process.ts'
import { type RedisServer, startRedis } from '../../test/support/redis.ts'

/** When a process was submitted, begun and done, on the arm's own clock, in ms since its epoch. */
export type Times = { readonly createdMs: number; readonly startedMs: number; readonly finishedMs: number }

export type Arm = {
  readonly name: string
  /** @returns its key */
  readonly submit: () => Promise<string>
  /** Waits until so many processes are done. */
  readonly done: (count: number) => Promise<void>
  readonly times: (keys: readonly string[]) => Promise<Times[]>
  readonly stop: () => Promise<void>
}

export type ArmOptions = { readonly capacity: number; readonly slots: number }

const root = fileURLToPath(new URL('../../..', import.meta.url))
const steps = ['first', 'second'] as const
const workersOfStep = 3
const dispatchers = 3
const pollMs = 20

async function withRedis(
  make: (redis: RedisServer, programs: Program[]) => Promise<Omit<Arm, 'stop'> & { close?: () => Promise<unknown> }>,
): Promise<Arm> {
  const redis = await startRedis()
  const programs: Program[] = []
  let close: (() => Promise<unknown>) | undefined
  const stop = async () => {
    await close?.()
    await Promise.all(programs.map((program) => program.stop(2_000)))
    await redis.stop()
  }
  try {
    const arm = await make(redis, programs)
    close = arm.close
    return { ...arm, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** One hub, three dispatchers, three agents a step. They report to nobody. */
export function engineHub({ capacity, slots }: ArmOptions): Promise<Arm> {
  return withRedis(async (redis, programs) => {
    const member = async (...args: string[]) => {
      const program = await startProgram(process.execPath, ['dist/main.js', ...args], {
        cwd: root,
        env: { ENGINESCOPE_HUB_REDIS_URL: redis.url, ENGINESCOPE_LOG_LEVEL: 'info', ENGINESCOPE_URL: 'http://127.0.0.1:9' },
        readyLine: /is ready/,
        readyTimeoutMs: 60_000,
      })
      programs.push(program)
      return program
    }
    const hub = await member('hub', '--hub-port', '0')
    const { url } = JSON.parse(await hub.waitForLine(/is ready/)) as { url: string }
    const module = `${root}bench/hub/step.mjs`
    const starts = steps.flatMap((step) =>
      Array.from({ length: workersOfStep }, (_, index) =>
        member('agent', '--algorithm', step, '--module', module, '--capacity', String(capacity), '--id', `${step}-${index}`),
      ),
    )
    const taking = Array.from({ length: dispatchers }, (_, index) =>
      member('dispatcher', '--slots', String(slots), '--id', `dispatcher-${index}`),
    )
    await Promise.all([...starts, ...taking])
    const flow = { key: 'chain', processers: steps.map((algKey) => ({ algKey })) }
    const read = async (path: string, body?: unknown) => {
      const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
      const response = await fetch(`${url}${path}`, { ...init, headers: { 'content-type': 'application/json' } })
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
      return response.text()
    }
    // As the peer's: a figure out of Redis, which costs those that are measured nothing.
    const store = new Redis(redis.port)
    const finished = async () => Number(await store.hget('{hub}:counters', 'finished:succeeded'))
    return {
      name: 'EngineHub',
      close: () => store.quit(),
      submit: async () => (JSON.parse(await read('/hub/adhoc', { flow, data: {} })) as { key: string }).key,
      done: (count) => untilTrue(async () => (await finished()) >= count),
      times: (keys) =>
        Promise.all(
          keys.map(async (key) => {
            const { createdAt, startedAt, finishedAt, outcome } = JSON.parse(await read(`/hub/processes/${key}`)) as {
              createdAt: number
              startedAt: number
              finishedAt: number
              outcome: string
            }
            if (outcome !== 'SUCCEEDED') throw new Error(`${key} is ${outcome}`)
            return { createdMs: createdAt, startedMs: startedAt, finishedMs: finishedAt }
          }),
        ),
    }
  })
}

/** A queue a step; a worker of the first adds to the second. */
export function bullmq({ capacity }: ArmOptions): Promise<Arm> {
  return withRedis(async (redis, programs) => {
    const connection = { host: '127.0.0.1', port: redis.port, maxRetriesPerRequest: null }
    const starts = steps.flatMap((step, at) =>
      Array.from({ length: workersOfStep }, () =>
        startProgram(
          process.execPath,
          [`${root}bench/hub/bullmq-worker.mjs`, String(redis.port), step, steps[at + 1] ?? '', String(capacity)],
          { cwd: root, readyLine: /ready/, readyTimeoutMs: 60_000 },
        ),
      ),
    )
    programs.push(...(await Promise.all(starts)))
    const [first, second] = steps.map((step) => new Queue(step, { connection }))
    if (first === undefined || second === undefined) throw new Error('there are two steps')
    let submitted = 0
    return {
      name: 'BullMQ',
      close: () => Promise.all([first.close(), second.close()]),
      submit: async () => {
        submitted++
        return (await first.add('step', {}, { jobId: `p-${submitted}` })).id ?? ''
      },
      done: (count) => untilTrue(async () => (await second.getCompletedCount()) >= count),
      times: (keys) =>
        Promise.all(
          keys.map(async (key) => {
            const [begun, ended] = await Promise.all([first.getJob(key), second.getJob(key)])
            if (ended?.finishedOn === undefined) throw new Error(`${key} is not done`)
            return { createdMs: begun?.timestamp ?? 0, startedMs: begun?.processedOn ?? 0, finishedMs: ended.finishedOn }
          }),
        ),
    }
  })
}

async function untilTrue(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await new Promise((resolve) => setTimeout(resolve, pollMs))
}
