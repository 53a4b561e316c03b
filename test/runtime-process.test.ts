import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from './support/eventually.ts'
import { httpClient } from './support/http.ts'
import { type RuntimeProcess, startRuntimeProcess } from './support/runtime-process.ts'

type Answer = {
  epoch: string
  topics: Record<string, { earliest: string | null; messages: { messageId: string; message: unknown }[] }>
}

let folder: string
const started: RuntimeProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'enginescope-runtime-'))
})
afterEach(async () => {
  await Promise.all(started.splice(0).map((runtime) => runtime.kill()))
  rmSync(folder, { recursive: true })
})

async function start(): Promise<RuntimeProcess> {
  const runtime = await startRuntimeProcess({
    runtimeId: 'run-7f3c',
    listen: { portFile: join(folder, 'port') },
    epochFile: join(folder, 'epoch'),
  })
  started.push(runtime)
  return runtime
}
const logsAfter = async (runtime: RuntimeProcess, messageId: string | null) => {
  const asked = { protocol: 1, topics: { logs: { messageId, limit: 100 } } }
  return (await httpClient(runtime.url).post('/v1/runtime/messages', asked)).json<Answer>()
}

test('a runtime killed with -9 and started anew has a new log of a higher epoch, whatever offset is asked for', async () => {
  const first = await start()
  const ids = await first.publish([1, 2, 3].map((n) => ['logs', { line: `before ${n}` }]))
  expect((await logsAfter(first, null)).topics['logs']?.messages.map(({ messageId }) => messageId)).toEqual(ids)
  await first.kill()
  await expect(logsAfter(first, null)).rejects.toThrow()
  const second = await start()
  expect(Number(second.epoch)).toBeGreaterThan(Number(first.epoch))
  await second.publish([['logs', { line: 'after' }]])
  const { epoch, topics } = await logsAfter(second, ids.at(-1) ?? null)
  expect(epoch).toBe(second.epoch)
  expect(topics['logs']).toMatchObject({
    earliest: `${epoch}-0000000001`,
    messages: [{ messageId: `${epoch}-0000000001`, message: { line: 'after' } }],
  })
})

test('a stopped runtime answers nothing, and everything once it goes on', async () => {
  const runtime = await start()
  await runtime.publish([['logs', { line: 'one' }]])
  runtime.signal('SIGSTOP')
  await expect(httpClient(runtime.url, { timeoutMs: 300 }).get('/v1/runtime/topics/logs/messages')).rejects.toThrow()
  runtime.signal('SIGCONT')
  expect((await logsAfter(runtime, null)).topics['logs']?.messages).toHaveLength(1)
})

test('a kill and a shutdown reach the program', async () => {
  const runtime = await start()
  await httpClient(runtime.url).post('/v1/runtime/kill')
  await httpClient(runtime.url).post('/v1/runtime/shutdown')
  await eventually(() => runtime.asked.kill === 1 && runtime.asked.shutdown === 1)
})
