import type { KubeObject } from './objects.ts'

/** One operation of a JSON patch (RFC 6902), of the three that deploy/ uses. */
export type Operation = { readonly op: 'add' | 'replace' | 'remove'; readonly path: string; readonly value?: unknown }

/** A copy with the operations done, one after the other. @throws where a path leads nowhere */
export function patched(object: KubeObject, operations: readonly Operation[]): KubeObject {
  const copy = structuredClone(object)
  for (const operation of operations) carryOut(copy, operation)
  return copy
}

type Holder = Record<string, unknown>

function carryOut(object: KubeObject, { op, path, value }: Operation): void {
  const parts = path.split('/').slice(1)
  const last = parts.at(-1) ?? ''
  const holder = parts.slice(0, -1).reduce<unknown>((at, part) => within(at, part, path), object)
  if (typeof holder !== 'object' || holder === null) throw new Error(`${path} leads nowhere`)
  if (op !== 'add' && !Object.hasOwn(holder, last)) throw new Error(`${path} is not there`)
  if (Array.isArray(holder)) {
    const index = last === '-' ? holder.length : Number(last)
    if (op === 'add') holder.splice(index, 0, value)
    else if (op === 'remove') holder.splice(index, 1)
    else holder[index] = value
  } else if (op === 'remove') delete (holder as Holder)[last]
  else (holder as Holder)[last] = value
}

function within(at: unknown, part: string, path: string): unknown {
  if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) throw new Error(`${path} leads nowhere`)
  return (at as Holder)[part]
}
