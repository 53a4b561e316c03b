import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../../test/support/eventually.ts'
import { freePort } from '../../../test/support/ports.ts'
import { type Program, startProgram } from '../../../test/support/process.ts'

const config = fileURLToPath(new URL('../../../prometheus/alertmanager.yml', import.meta.url))
const program = ['prometheus-alertmanager', 'alertmanager'].find((name) => spawnSync(name, ['--version']).error === undefined)

let alertmanager: Program
let api = ''
const folder = mkdtempSync(join(tmpdir(), 'enginescope-alertmanager-'))

beforeAll(async () => {
  if (program === undefined) return
  const address = `127.0.0.1:${await freePort()}`
  api = `http://${address}/api/v2`
  const flags = [`--config.file=${config}`, `--storage.path=${folder}`, `--web.listen-address=${address}`]
  alertmanager = await startProgram(program, [...flags, '--cluster.listen-address='], { readyLine: /Listening on/ })
})
afterAll(async () => {
  await alertmanager?.stop()
  rmSync(folder, { recursive: true, force: true })
})

type Labels = Readonly<Record<string, string>>
type Seen = { readonly labels: Labels; readonly status: { readonly state: string } }
type Case = {
  readonly what: string
  readonly source: Labels
  readonly heldBack: readonly Labels[]
  readonly sent: readonly Labels[]
}

const spark = { engine_type: 'spark' }
const hive = { engine_type: 'hive' }

/** Each with an alert that is held back beside those that are not: once it is, the source has been seen. */
const cases: readonly Case[] = [
  {
    what: 'everything but EnginescopeDown itself',
    source: { alertname: 'EnginescopeDown' },
    heldBack: [{ alertname: 'EnginescopeReportsLost' }, { alertname: 'SednaWorkerSilent' }],
    sent: [{ alertname: 'NightlyRunMissing' }],
  },
  {
    what: 'what a broken path to the engines explains',
    source: { alertname: 'EnginescopeManyEnginesSuspect' },
    heldBack: [
      { alertname: 'EnginescopeEngineDown', engine: 'n1:1' },
      { alertname: 'EnginescopeTasksLost', task_type: 'sql' },
      { alertname: 'EnginescopeNoLiveEngine', ...spark },
    ],
    sent: [{ alertname: 'EnginescopeRedisFailing' }],
  },
  {
    what: 'tasks that wait for the engine type that has none',
    source: { alertname: 'EnginescopeNoLiveEngine', ...spark },
    heldBack: [{ alertname: 'EnginescopeQueueStuck', task_type: 'sql', ...spark }],
    sent: [{ alertname: 'EnginescopeQueueStuck', task_type: 'sql', ...hive }],
  },
  {
    what: 'the engine that is down between two starts',
    source: { alertname: 'EnginescopeEngineFlapping', engine: 'n1:1' },
    heldBack: [{ alertname: 'EnginescopeEngineDown', engine: 'n1:1' }],
    sent: [{ alertname: 'EnginescopeEngineDown', engine: 'n2:1' }],
  },
  {
    what: 'the slower counts of the same failures',
    source: { alertname: 'EnginescopeTaskFailureBudgetBurnFast', task_type: 'sql', ...spark },
    heldBack: [
      { alertname: 'EnginescopeTaskFailureBudgetBurnSlow', task_type: 'sql', ...spark },
      { alertname: 'EnginescopeTaskFailureRateHigh', task_type: 'sql', ...spark },
    ],
    sent: [{ alertname: 'EnginescopeTaskFailureRateHigh', task_type: 'training', ...spark }],
  },
  {
    what: 'the lag of lines that are not shipped at all',
    source: { alertname: 'EnginescopeLokiMisconfigured' },
    heldBack: [{ alertname: 'EnginescopeLogShippingLag' }],
    sent: [{ alertname: 'EnginescopeLogOutboxNearlyFull' }],
  },
]

/** An alert by its labels, whatever their order. */
const named = (labels: Labels) => JSON.stringify(Object.entries(labels).sort())

describe.skipIf(program === undefined)('a real Alertmanager (skipped where it is not installed) holds back', () => {
  test.each(cases)('$what', async ({ what: job, source, heldBack, sent }) => {
    const elsewhere = `not ${job}`
    const tell = (labels: Labels, installation: string) => ({ ...labels, job: installation, severity: 'warning' })
    // The same alerts of another installation, which has not the source, are sent.
    const expected = heldBack.map((labels) => named(tell(labels, job))).sort()
    const others = [...heldBack.map((labels) => tell(labels, elsewhere)), ...sent.map((labels) => tell(labels, job))]
    const all = [tell(source, job), ...heldBack.map((labels) => tell(labels, job)), ...others]
    const body = JSON.stringify(all.map((labels) => ({ labels })))
    await fetch(`${api}/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })

    const suppressed = async () => {
      const seen = (await (await fetch(`${api}/alerts?filter=job=~"${job}|${elsewhere}"`)).json()) as Seen[]
      return seen.filter(({ status }) => status.state === 'suppressed').map(({ labels }) => named(labels))
    }
    const held = await eventually(suppressed, (names) => names.length >= expected.length, { what: 'the alerts to be held back' })
    expect(held.sort()).toEqual(expected)
  })
})
