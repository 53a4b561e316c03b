import type { TaskUpdate } from '../wire.ts'

type Attributes = Record<string, string | number | boolean>
const attributesMax = 32

/** BullMQ's progress is a number of 0..100, an object that holds one as `progress` or `percent`, or whatever else one likes. */
export function progressNews(value: unknown): TaskUpdate {
  if (typeof value === 'number') return { progress: ratioOf(value) }
  if (typeof value !== 'object' || value === null) return { attributes: { progress: String(value) } }
  const { progress, percent, ...rest } = value as Record<string, unknown>
  const key = typeof progress === 'number' ? 'progress' : 'percent'
  const number = key === 'progress' ? progress : percent
  if (typeof number !== 'number') return { attributes: attributesOf(value as Record<string, unknown>) }
  const others = key === 'progress' && percent !== undefined ? { ...rest, percent } : rest
  return { progress: ratioOf(number), attributes: attributesOf(others) }
}

/** Percent as a ratio; more than all is all, and what is no amount is no news. */
function ratioOf(percent: number): number | undefined {
  return percent >= 0 ? Math.min(percent / 100, 1) : undefined
}

function attributesOf(value: Record<string, unknown>): Attributes | undefined {
  const entries = Object.entries(value).slice(0, attributesMax)
  if (entries.length === 0) return undefined
  return Object.fromEntries(entries.map(([name, item]) => [name, textOf(item)]))
}

function textOf(value: unknown): string | number | boolean {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return JSON.stringify(value) ?? String(value)
}
