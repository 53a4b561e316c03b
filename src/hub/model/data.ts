import type { Part } from './part.ts'

/** What a column is. */
export type Attribute = {
  readonly name: string
  readonly type: string
  readonly format?: string
  /** Upstream's spelling. */
  readonly dataInfor?: string
}

/** A table by columns; every value is a text. `{}` is nothing. */
export type DMData = {
  readonly key?: string
  readonly data?: readonly { readonly attribute: Attribute; readonly data: readonly string[] }[]
}

const columnsMax = 10_000
const rowsMax = 1_000_000
const textMax = 4096

/** Checks one table. What it does not know is left out. @throws ScopeError naming the path of the first thing that does not fit */
export function readData(part: Part): DMData {
  part.object('a table: {key?, data?: [{attribute, data}]}')
  const key = part.field('key').textOr(undefined, textMax)
  const columns = part.field('data')
  return {
    ...(key === undefined ? {} : { key }),
    ...(columns.isAbsent ? {} : { data: columns.items(columnsMax).map(readColumn) }),
  }
}

function readColumn(part: Part): { attribute: Attribute; data: string[] } {
  const attribute = part.field('attribute')
  const format = attribute.field('format').textOr(undefined, textMax)
  const dataInfor = attribute.field('dataInfor').textOr(undefined, textMax)
  const values = part.field('data')
  const data = values.value
  if (!Array.isArray(data) || data.length > rowsMax) values.refuse(`must be a list of at most ${rowsMax} texts`)
  const notText = (data as unknown[]).findIndex((value) => typeof value !== 'string')
  if (notText >= 0) values.items(rowsMax)[notText]?.refuse('must be a text')
  return {
    attribute: {
      name: attribute.field('name').text(textMax),
      type: attribute.field('type').text(textMax),
      ...(format === undefined ? {} : { format }),
      ...(dataInfor === undefined ? {} : { dataInfor }),
    },
    data: data as string[],
  }
}
