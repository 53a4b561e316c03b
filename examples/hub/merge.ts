/** Puts the columns of several nodes side by side. */
import type { Column, Run, Table } from './table.ts'

export const algorithm = {
  key: 'util.merge',
  name: 'Merge',
  description: 'The columns of all inputs as one table; names that come twice get their node in front',
  tags: ['util'],
  catalog: 'util.merge',
}

export async function run({ input, log }: Run): Promise<Table> {
  const all = Object.entries(input).flatMap(([node, { data = [] }]) => data.map((column): [string, Column] => [node, column]))
  const counts = new Map<string, number>()
  for (const [, { attribute }] of all) counts.set(attribute.name, (counts.get(attribute.name) ?? 0) + 1)
  const named = all.map(([node, column]) => {
    const { attribute } = column
    const name = (counts.get(attribute.name) ?? 0) > 1 ? `${node}.${attribute.name}` : attribute.name
    return { ...column, attribute: { ...attribute, name } }
  })
  log(`${named.length} columns of ${Object.keys(input).length} inputs`)
  return { data: named }
}
