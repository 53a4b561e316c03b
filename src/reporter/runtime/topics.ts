import type { Problems } from '../problems.ts'

/** The topics every runtime has, in the order in which answers hold them: the end of a run is read last. */
const standardTopics = ['heartbeat', 'metadata', 'lineage', 'workflow.token', 'task.running', 'logs', 'program.status'] as const

/** Partitions by topic; 0 = not partitioned. */
export type TopicPartitions = ReadonlyMap<string, number>

const topicsMax = 64
const partitionsMax = 32
const partShape = /^[A-Za-z][A-Za-z0-9._-]{0,63}(:\d{1,3})?$/
const ownAfter = 'workflow.token'

/** Whether a text can be the name of a topic or of a partition. */
export function isTopicName(text: string): boolean {
  return partShape.test(text)
}

/** The standard topics with those a runtime names itself, e.g. `['task.running:2', 'audit']`, in the order of answers. */
export function topicsFrom(named: readonly string[] | undefined, problems: Problems): TopicPartitions {
  const asked = new Map<string, number>()
  for (const text of named ?? []) {
    const [name = '', partitions] = typeof text === 'string' && isTopicName(text) ? text.split(':') : []
    const count = partitions === undefined ? 0 : Number(partitions)
    if (name === '' || count > partitionsMax || (count === 0 && partitions !== undefined) || asked.size >= topicsMax) {
      problems.tell('ARGUMENT_INVALID', `runtime.topics: ${String(text).slice(0, 80)} does not fit and is left out`)
    } else asked.set(name, count)
  }
  const own = [...asked.keys()].filter((name) => !standardTopics.includes(name as (typeof standardTopics)[number])).sort()
  const order = standardTopics.flatMap((name) => (name === ownAfter ? [name, ...own] : [name]))
  return new Map(order.map((name) => [name, asked.get(name) ?? 0]))
}

/** As a registration names them: `name`, or `name:N` for N partitions. */
export function topicNames(topics: TopicPartitions): string[] {
  return [...topics].map(([name, partitions]) => (partitions === 0 ? name : `${name}:${partitions}`))
}

/** The logs behind the topics: `name`, or `name:0` ... `name:N-1`. */
export function partitionNames(topics: TopicPartitions): string[] {
  return [...topics].flatMap(([name, partitions]) =>
    partitions === 0 ? [name] : Array.from({ length: partitions }, (_, index) => `${name}:${index}`),
  )
}
