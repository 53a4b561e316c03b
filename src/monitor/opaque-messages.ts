/** Messages of topics that mean nothing to us: the newest of each topic, as a ring in one hash. */
import type { KeptMessage } from './batch.ts'
import { kindOf } from './topics.ts'

/** Kept of one topic, all its partitions together. */
export const opaqueOfTopicMax = 100

/** Topic and text of each, as the commit script takes them: of each topic no more than are kept. */
export function opaqueRing(messages: readonly KeptMessage[]): string[] {
  const left = new Map<string, number>()
  const newestFirst = messages.toReversed().filter(({ topic }) => {
    const room = left.get(kindOf(topic)) ?? opaqueOfTopicMax
    left.set(kindOf(topic), room - 1)
    return room > 0
  })
  return newestFirst.toReversed().flatMap((message) => [kindOf(message.topic), JSON.stringify(message)])
}

/** @param hash as the commit script writes it. @returns topic by topic, the newest of each first */
export function opaqueOf(hash: Readonly<Record<string, string>>): KeptMessage[] {
  const topics = Object.keys(hash).filter((field) => !field.includes(':'))
  return topics.sort().flatMap((topic) => {
    const came = Number(hash[topic])
    const kept = Array.from(
      { length: Math.min(came, opaqueOfTopicMax) },
      (_, i) => hash[`${topic}:${(came - i) % opaqueOfTopicMax}`],
    )
    return kept.flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as KeptMessage]))
  })
}
