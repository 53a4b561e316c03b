import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startAgentProgram, type TestAgent } from '../support/hub/agent-stand.ts'
import { type HubStack, startHubStack } from '../support/hub/hub-programs.ts'

let stack: HubStack
let folder: string
const agents: TestAgent[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'enginescope-runs-'))
  stack = await startHubStack()
  await stack.dispatcher('d-1', 4)
}, 120_000)
afterAll(async () => {
  for (const { program } of agents) program.kill('SIGCONT')
  await Promise.all(agents.map((agent) => agent.stop()))
  await stack.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Notes each of its runs in a file; the first of a file waits, every later one is done at once. */
const module = (agent: string) => `
import { appendFileSync, existsSync } from 'node:fs'
export async function run({ input }) {
  const file = input.$input.key
  const isFirst = !existsSync(file)
  appendFileSync(file, '${agent}\\n')
  if (isFirst) await new Promise((resolve) => setTimeout(resolve, 6_000))
  return { key: '${agent}' }
}
`

async function twoAgents(algorithm: string): Promise<Record<string, TestAgent>> {
  const names = [`${algorithm}-a`, `${algorithm}-b`]
  const started = await Promise.all(
    names.map((name) =>
      startAgentProgram({
        redis: stack.redis,
        algorithm,
        module: module(name),
        settings: { HUB_MEMBER_LEASE: '1500ms', URL: 'http://127.0.0.1:9' },
        args: ['--id', name],
      }),
    ),
  )
  agents.push(...started)
  return Object.fromEntries(names.map((name, at) => [name, started[at] as TestAgent]))
}

/** Starts a process, and waits until one of the agents runs its only node. */
async function begun(algorithm: string, file: string): Promise<{ key: string; holder: string }> {
  const flow = { processers: [{ algKey: algorithm }] }
  const { key } = (await stack.hub.http.post('/hub/adhoc', { flow, data: { key: file } })).json<{ key: string }>()
  const [holder = ''] = await eventually(
    async () => (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean),
    (lines) => lines.length > 0,
    { timeoutMs: 20_000 },
  )
  return { key, holder }
}

test.each(['SIGKILL', 'SIGSTOP'] as const)(
  'the node of an agent that gets %s is run by another, and the process ends once',
  async (signal) => {
    const algorithm = `test.${signal.toLowerCase()}`
    const file = join(folder, algorithm)
    const named = await twoAgents(algorithm)
    const { key, holder } = await begun(algorithm, file)
    named[holder]?.program.kill(signal)
    const process = await stack.ended(key, 40_000)
    const other = Object.keys(named).find((name) => name !== holder)
    expect(process).toMatchObject({ outcome: 'SUCCEEDED', nodes: { '1': { status: 'DONE', agent: other, attempt: 2 } } })
    expect((await readFile(file, 'utf8')).trim().split('\n')).toEqual([holder, other])
    if (signal === 'SIGKILL') return
    // It wakes up, ends its run and offers a result that nobody wants any more.
    named[holder]?.program.kill('SIGCONT')
    await named[holder]?.program.waitForLine(/a result was not taken/, 30_000)
    expect((await stack.result(key)).outputData).toEqual({ key: other })
    expect(await stack.process(key)).toMatchObject({ outcome: 'SUCCEEDED', finishedAt: process.finishedAt })
  },
  120_000,
)
