/** Short processes over EngineHub and over BullMQ, in turn: how many a second, and how long one waits until it begins. */
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { figuresOf } from '../statistics.ts'
import { type Arm, type ArmOptions, bullmq, engineHub, type Times } from './arms.ts'

const usage = `node .bench/bench/hub/run.js [options]

  --processes N   submitted at once in a run (1000)
  --paced N       submitted one by one, 25 a second (150)
  --rounds N      of each arm, in turn (3)
  --capacity N    events an agent, jobs a worker runs at once (8)
  --slots N       processes a dispatcher runs at once (8: as many as a step has room for)
`

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '1000' },
    paced: { type: 'string', default: '150' },
    rounds: { type: 'string', default: '3' },
    capacity: { type: 'string', default: '8' },
    slots: { type: 'string', default: '8' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(usage)
  process.exit(0)
}
const whole = (text: string) => Math.max(1, Math.floor(Number(text)))
const [processes, paced, rounds] = [values.processes, values.paced, values.rounds].map(whole) as [number, number, number]
const options: ArmOptions = { capacity: whole(values.capacity), slots: whole(values.slots) }

const submittersAtOnce = 16
const pacedEveryMs = 40
/** Until every thread and connection is there. */
const warmUp = 200

type Figures = { perSecond: number; burstP95Ms: number; pacedP50Ms: number; pacedP95Ms: number; pacedTotalP50Ms: number }

function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

async function burst(arm: Arm, count: number): Promise<string[]> {
  const keys: string[] = []
  let left = count
  const submitter = async () => {
    while (left-- > 0) keys.push(await arm.submit())
  }
  await Promise.all(Array.from({ length: submittersAtOnce }, submitter))
  return keys
}

async function slowly(arm: Arm, count: number): Promise<string[]> {
  const submissions: Promise<string>[] = []
  for (let index = 0; index < count; index++) {
    submissions.push(arm.submit())
    await pause(pacedEveryMs)
  }
  return Promise.all(submissions)
}

const waits = (times: readonly Times[]) => times.map(({ createdMs, startedMs }) => startedMs - createdMs)

async function measured(make: (options: ArmOptions) => Promise<Arm>): Promise<Figures> {
  const arm = await make(options)
  try {
    await burst(arm, warmUp)
    await arm.done(warmUp)
    const begunMs = Date.now()
    const keys = await burst(arm, processes)
    await arm.done(warmUp + processes)
    const times = await arm.times(keys)
    const endMs = Math.max(...times.map(({ finishedMs }) => finishedMs))
    const pacedKeys = await slowly(arm, paced)
    await arm.done(warmUp + processes + paced)
    const calm = await arm.times(pacedKeys)
    return {
      perSecond: (processes * 1000) / (endMs - begunMs),
      burstP95Ms: quantile(waits(times), 0.95),
      pacedP50Ms: quantile(waits(calm), 0.5),
      pacedP95Ms: quantile(waits(calm), 0.95),
      pacedTotalP50Ms: quantile(
        calm.map(({ createdMs, finishedMs }) => finishedMs - createdMs),
        0.5,
      ),
    }
  } finally {
    await arm.stop()
  }
}

const ours: Figures[] = []
const theirs: Figures[] = []
for (let round = 1; round <= rounds; round++) {
  ours.push(await measured(engineHub))
  theirs.push(await measured(bullmq))
  console.error(`round ${round} of ${rounds}`)
}
const rows: [string, keyof Figures][] = [
  ['processes a second', 'perSecond'],
  [`schedule to start, ${processes} at once, p95 ms`, 'burstP95Ms'],
  ['schedule to start, 25 a second, median ms', 'pacedP50Ms'],
  ['schedule to start, 25 a second, p95 ms', 'pacedP95Ms'],
  ['submission to end, 25 a second, median ms', 'pacedTotalP50Ms'],
]
console.log(`${'median of the rounds (least to most)'.padEnd(48)}${'EngineHub'.padStart(24)}${'BullMQ'.padStart(24)}   ratio`)
for (const [title, name] of rows) {
  const [own, peer] = [ours, theirs].map((all) => figuresOf(all.map((figures) => figures[name]))) as [
    ReturnType<typeof figuresOf>,
    ReturnType<typeof figuresOf>,
  ]
  const text = ({ median, min, max }: ReturnType<typeof figuresOf>) =>
    `${median.toFixed(0)} (${min.toFixed(0)} to ${max.toFixed(0)})`.padStart(24)
  console.log(`${title.padEnd(48)}${text(own)}${text(peer)}   ${(own.median / peer.median).toFixed(2)}`)
}
