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
  readonly rssBytes: number
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
  await arm.render()
  const result = { renderWallMs: [], renderCpuMs: [], longestBlockMs: [], updateNs: [], gzipMs: [] } as Record<string, number[]>
  let chunks: Buffer[] = []
  let gzipBytes = 0
  for (let round = 0; round < rounds; round++) {
    result['updateNs']?.push(updateAll(arm, series, random))
    const rendering = await timed(async () => {
      chunks = await arm.render()
    })
    result['renderWallMs']?.push(rendering.wallMs)
    result['renderCpuMs']?.push(rendering.cpuMs)
    result['longestBlockMs']?.push(rendering.longestBlockMs)
    const zipping = await timed(async () => {
      gzipBytes = (await gzip(Buffer.concat(chunks), { level: 1 })).length
    })
    result['gzipMs']?.push(zipping.cpuMs)
  }
  const text = Buffer.concat(chunks)
  if (textFile !== '') writeFileSync(textFile, text)
  return { ...(result as unknown as ChildResult), createNs: creating / series, rssBytes: held, textBytes: text.length, gzipBytes }
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
