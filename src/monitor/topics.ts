/** The topics of a runtime's log: what they are called, how much is asked of each, in which order they are taken in. */

/** In the order in which they are taken in; whatever else there is comes before `task.running`. */
export const knownTopics = [
  'heartbeat',
  'metadata',
  'lineage',
  'workflow.token',
  'task.running',
  'logs',
  'program.status',
] as const
export type KnownTopic = (typeof knownTopics)[number]

export const topicsMax = 64
const partitionsMax = 64
const nameForm = /^([A-Za-z][A-Za-z0-9._-]{0,99})(?::(\d{1,3}))?$/

const limits: Readonly<Record<string, number>> = { 'task.running': 500, logs: 1_000, heartbeat: 10 }
const limitDefault = 100

/** `task.running` of `task.running:1`. */
export function kindOf(topic: string): string {
  return topic.split(':')[0] ?? topic
}

const isKnown = (kind: string): kind is KnownTopic => (knownTopics as readonly string[]).includes(kind)

/** Whether runtimes may be asked for a topic, of whichever partition. @param more topics of the installation */
export const isAllowedTopic = (topic: string, more: readonly string[]): boolean =>
  isKnown(kindOf(topic)) || more.some((each) => kindOf(each) === kindOf(topic))

/** Label value of a topic. */
export const topicLabel = (topic: string): string => (isKnown(kindOf(topic)) ? kindOf(topic) : 'other')

/** Messages asked of a topic at a time. */
export const limitOf = (topic: string): number =>
  (Object.hasOwn(limits, kindOf(topic)) ? limits[kindOf(topic)] : undefined) ?? limitDefault

/**
 * The topics that a list names: `name:N` stands for `name:0` to `name:N-1`.
 * @returns `undefined` for a list that cannot be read
 */
export function expandTopics(names: readonly unknown[]): string[] | undefined {
  const expanded = names.map(expandTopic)
  if (expanded.includes(undefined)) return undefined
  const all = new Set(expanded.flatMap((each) => each ?? []))
  return all.size > topicsMax ? undefined : [...all]
}

function expandTopic(name: unknown): readonly string[] | undefined {
  const found = typeof name === 'string' ? nameForm.exec(name) : null
  if (found === null) return undefined
  const [, kind = '', count] = found
  if (count === undefined) return [kind]
  const partitions = Number(count)
  if (partitions < 1 || partitions > partitionsMax) return undefined
  return Array.from({ length: partitions }, (_, i) => `${kind}:${i}`)
}

function rankOf(topic: string): number {
  const kind = kindOf(topic)
  const at = (knownTopics as readonly string[]).indexOf(kind)
  if (at < 0) return 3.5
  return at
}

/** Topics in the order in which they are taken in. */
export function inCommitOrder(topics: readonly string[]): string[] {
  return [...topics].sort((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : a > b ? 1 : 0))
}
