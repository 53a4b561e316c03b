import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Aggregator, startAggregator, untilItOwnsAll } from '../support/aggregator.ts'
import { eventually } from '../support/eventually.ts'
import { sampleValue } from '../support/prometheus-text.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { aLine, aStatus, aTaskMessage, programRunId } from '../support/runtime-messages.ts'
import { startRuntimeProcess } from '../support/runtime-process.ts'

let redis: RedisServer
let aggregator: Aggregator
beforeAll(async () => {
  redis = await startRedis({ appendOnly: true })
  aggregator = await startAggregator({
    redisUrl: redis.url,
    settings: {
      RUNTIME_INTERVAL: '200ms',
      RUNTIME_GRACE: '1s',
      LINGER: '1s',
      SUSPECT_AFTER: '2s',
      LOST_AFTER: '8s',
      RUNTIME_TOPICS: 'custom',
    },
  })
  await untilItOwnsAll(aggregator)
})
afterAll(async () => {
  await aggregator?.stop()
  await redis?.stop()
})

type Job = { status: string; error: unknown; tasks: { execId: string; status: string; progress: number }[] } & Record<
  string,
  unknown
>
const jobOf = async (id: string) => (await aggregator.http.get(`/api/v1/namespaces/default/jobs/${id}`)).json<Job>()
const runtimeOf = async (id: string) =>
  (await aggregator.http.get(`/api/v1/runtimes/${id}`)).json<{ state: string } & Record<string, unknown>>()
const untilState = (id: string, state: string) =>
  eventually(
    () => runtimeOf(id),
    (found) => found.state === state,
    { what: `${id} to be ${state}`, timeoutMs: 20_000 },
  )

describe('a runtime that is only ever fetched', () => {
  test.each(['batch', 'per-topic'])('ends as if its messages had been pushed (%s)', async (mode) => {
    const id = `run-${mode}`
    const runtime = await startRuntimeProcess({ runtimeId: id, token: 'not-a-real-token', topics: ['task.running:2'] })
    const registered = await aggregator.http.post('/api/v1/runtimes', {
      runtimeId: id,
      url: runtime.url,
      mode,
      topics: [...runtime.topics, 'custom'],
      token: 'not-a-real-token',
    })
    expect(registered.status, registered.text).toBe(201)
    expect(registered.text).not.toContain('not-a-real-token')
    await runtime.publish([
      aStatus(id, 'RUNNING', { 'logical.start.time': String(Date.now()) }),
      ['metadata', { programRunId: programRunId(id), metadata: { owner: 'etl-team' } }],
      ['metadata', { metadata: { tags: ['nightly'] } }],
      ['lineage', { lineage: [{ entity: 'a', access: 'READ' }] }],
      [
        'lineage',
        {
          lineage: [
            { entity: 'a', access: 'READ' },
            { entity: 'b', access: 'WRITE' },
          ],
        },
      ],
      ['workflow.token', { workflowToken: { clean: { rows: '12' } } }],
      aTaskMessage('clean-1', { seq: 1 }),
      aLine('one'),
      aLine('two', { execId: 'clean-1' }),
    ])
    await eventually(
      () => jobOf(id),
      (job) => job.status === 'running' && job.tasks.length === 2 && job['workflowToken'] !== null,
      { what: 'the job to run' },
    )
    await runtime.publish([
      aTaskMessage('clean-1', { seq: 2, status: 'Succeed', progress: 1 }),
      aLine('three'),
      aStatus(id, 'COMPLETED', { endTime: String(Date.now()) }),
    ])
    await untilState(id, 'ENDED')
    expect(await jobOf(id)).toMatchObject({
      status: 'succeeded',
      taskType: 'workflow',
      metadata: { owner: 'etl-team', tags: ['nightly'] },
      lineage: [
        { entity: 'a', access: 'READ' },
        { entity: 'b', access: 'WRITE' },
      ],
      workflowToken: { clean: { rows: '12' } },
      attributes: { application: 'etl', programType: 'Workflow' },
    })
    const lines = await aggregator.http.get(`/api/v1/namespaces/default/jobs/${id}/logs?order=asc`)
    expect(lines.json<{ lines: { line: string; execId: string }[] }>().lines.map(({ line, execId }) => [line, execId])).toEqual([
      ['one', id],
      ['two', 'clean-1'],
      ['three', id],
    ])
    expect(runtime.asked).toEqual({ kill: 0, shutdown: 1 })
    // The sums over all shards are read for a scrape, and wait for it no longer than a moment.
    const families = await eventually(
      () => aggregator.metrics(),
      (seen) => (sampleValue(seen, 'enginescope_runtimes', { state: 'ENDED' }) ?? 0) > 0,
    )
    expect(sampleValue(families, 'enginescope_runtimes', { state: 'ENDED' })).toBeGreaterThan(0)
    expect(sampleValue(families, 'enginescope_runtime_messages_total', { topic: 'logs', outcome: 'applied' })).toBeGreaterThan(2)
    await runtime.kill()
  })
})
