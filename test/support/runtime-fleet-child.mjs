// Many runs of programs in one process, each with a heartbeat handler and a port of its own, which keep a ledger of who asked
// them and when, and of what they published. Started by runtime-fleet.ts.
import { createServer } from 'node:http'
import { createRuntime } from 'enginescope/reporter'

const { count, publishEveryMs, program } = JSON.parse(process.argv[2] ?? '{}')
const runs = await Promise.all(Array.from({ length: count }, (_, at) => startRun(`run-${at}`)))

async function startRun(id) {
  const run = {
    id,
    published: 0,
    shutdowns: 0,
    kills: 0,
    polls: 0,
    gapMsMax: 0,
    askedAtMs: undefined,
    askedBy: undefined,
    owners: [],
  }
  run.log = createRuntime({ runtimeId: id, listen: false, onShutdown: () => run.shutdowns++, onKill: () => run.kills++ })
  const server = createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    request.body = JSON.parse(Buffer.concat(chunks).toString() || '{}')
    if (request.url.endsWith('/messages')) note(run, request.body.monitor)
    run.log.handler(request, response)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  run.url = `http://127.0.0.1:${server.address().port}`
  tell(run, 'RUNNING')
  return run
}

function note(run, monitor) {
  const nowMs = performance.now()
  run.polls++
  run.gapMsMax = Math.max(run.gapMsMax, nowMs - (run.askedAtMs ?? nowMs))
  run.askedAtMs = nowMs
  const holding = `${monitor.id} ${monitor.leaseEpoch}`
  if (holding !== run.askedBy) run.owners.push(monitor.id)
  run.askedBy = holding
}

function tell(run, programStatus, more = {}) {
  const programRunId = JSON.stringify({ namespace: 'default', ...program, run: run.id })
  run.log.publish('program.status', { notificationType: 'PROGRAM_STATUS', properties: { programRunId, programStatus, ...more } })
}

/** One line and one report of a task, both numbered. */
function publish(run) {
  const seq = ++run.published
  run.log.publish('logs', { ts: Date.now(), level: 'INFO', line: `line ${seq}` })
  run.log.publish('task.running', { execId: 'step', taskType: 'sql', seq, status: 'Running', usage: { cpuSeconds: seq } })
}

const ledger = () => {
  const nowMs = performance.now()
  return runs.map(({ id, published, shutdowns, kills, polls, gapMsMax, askedAtMs, owners }) => {
    const sinceMs = shutdowns > 0 || askedAtMs === undefined ? 0 : nowMs - askedAtMs
    return { id, published, shutdowns, kills, polls, gapMsMax: Math.max(gapMsMax, sinceMs), owners }
  })
}

let publishing
const orders = {
  /** From here on gaps and owners are counted. Who asked last is the first owner. */
  mark: () => {
    for (const run of runs) Object.assign(run, { polls: 0, gapMsMax: 0, owners: run.owners.slice(-1) })
  },
  publish: () => {
    let turn = 0
    publishing = setInterval(() => publish(runs[turn++ % count]), publishEveryMs / count)
  },
  end: () => {
    clearInterval(publishing)
    for (const run of runs) tell(run, 'COMPLETED', { endTime: String(Date.now()) })
  },
  ledger: () => undefined,
}
process.on('message', ({ order }) => {
  orders[order]()
  process.send({ ledger: ledger() })
})
process.on('disconnect', () => process.exit(0))
process.send({ runs: runs.map(({ id, url }) => ({ id, url })) })
