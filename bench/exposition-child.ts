/** Measures one arm at one size in a process of its own, so that its memory is its own. */
import { writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { gzip as gzipWithCallback } from 'node:zlib'
import { type Arm, type ArmName, armOf } from './exposition-arms.ts'
import { randomFrom, timed } from './statistics.ts'

export type ChildOrder = { readonly arm: ArmName; readonly series: number; readonly rounds: number; readonly textFile: string }

export type ChildResult = {
  readonly renderWallMs: number[]
  readonly renderCpuMs: number[]
  readonly longestBlockMs: number[]
  readonly updateNs: number[]
  readonly createNs: number
  /** Held by the series before anything was rendered. */
  readonly rssBytes: number
  /** Most that the process ever held, without what it began with. */
  readonly peakBytes: number
  readonly gzipMs: number[]
  readonly textBytes: number
  readonly gzipBytes: number
}

const gzip = promisify(gzipWithCallback)
const updatesMin = 200_000

process.once('message', (order: ChildOrder) => {
  void measure(order).then((result) => {
    process.send?.(result)
    process.disconnect()
  })
})

async function measure({ arm: name, series, rounds, textFile }: ChildOrder): Promise<ChildResult> {
  const rssBefore = rssBytes()
  const arm = armOf(name, series)
  const creating = cpuNsOf(() => {
    for (let index = 0; index < series; index++) arm.create(index)
  })
  const random = randomFrom(7)
  updateAll(arm, series, random)
  const held = rssBytes() - rssBefore
  const renderWallMs: number[] = []
  const renderCpuMs: number[] = []
  const longestBlockMs: number[] = []
  const updateNs: number[] = []
  let textBytes = 0
  for (let round = 0; round <= rounds; round++) {
    const spent = updateAll(arm, series, random)
    textBytes = 0
    const rendering = await timed(() =>
      arm.render((chunk) => {
        textBytes += chunk.length
      }),
    )
    // The first round warms up.
    if (round === 0) continue
    updateNs.push(spent)
    renderWallMs.push(rendering.wallMs)
    renderCpuMs.push(rendering.cpuMs)
    longestBlockMs.push(rendering.longestBlockMs)
  }
  const peakBytes = process.resourceUsage().maxRSS * 1024 - rssBefore
  const text = await textOf(arm)
  if (textFile !== '') writeFileSync(textFile, text)
  const zipped = await zip(text, rounds)
  const times = { renderWallMs, renderCpuMs, longestBlockMs, updateNs, createNs: creating / series }
  return { ...times, ...zipped, rssBytes: held, peakBytes, textBytes }
}

async function textOf(arm: Arm): Promise<Buffer> {
  const chunks: Buffer[] = []
  await arm.render((chunk) => chunks.push(chunk))
  return Buffer.concat(chunks)
}

async function zip(text: Buffer, rounds: number): Promise<Pick<ChildResult, 'gzipMs' | 'gzipBytes'>> {
  const gzipMs: number[] = []
  let gzipBytes = 0
  for (let round = 0; round < rounds; round++) {
    const zipping = await timed(async () => {
      gzipBytes = (await gzip(text, { level: 1 })).length
    })
    gzipMs.push(zipping.cpuMs)
  }
  return { gzipMs, gzipBytes }
}

/** Changes every series at least once; half of the values are whole numbers. Answers nanoseconds an update. */
function updateAll(arm: Arm, series: number, random: () => number): number {
  const passes = Math.ceil(updatesMin / series)
  const values = Float64Array.from({ length: series * passes }, (_, i) =>
    i % 2 === 0 ? Math.floor(random() * 1e9) : Math.round(random() * 1e6) / 1000,
  )
  const spent = cpuNsOf(() => {
    for (let i = 0; i < values.length; i++) arm.update(i % series, values[i] as number)
  })
  return spent / values.length
}

/** Processor time, which other work on the machine disturbs less than wall time. */
function cpuNsOf(work: () => void): number {
  const began = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(began)
  return (user + system) * 1000
}

function rssBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage.rss()
}
