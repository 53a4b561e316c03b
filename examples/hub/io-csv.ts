/** Loads a table out of CSV: the texts of a column `csv`, or the file that the parameter `path` names. */
import { readFile } from 'node:fs/promises'
import { parseCsv } from './csv.ts'
import { AlgorithmError, type Column, columnsOf, isNumeric, parameter, type Run, type Table } from './table.ts'

export const algorithm = {
  key: 'io.csv',
  name: 'CSV',
  description: 'Reads CSV with a head line; a column of numbers becomes one',
  tags: ['input'],
  catalog: 'io.csv',
}

/** A table that holds no CSV is handed on, with the types its values have. */
export async function run({ input, model, log, warn, progress, signal }: Run): Promise<Table> {
  const path = parameter(model, 'path')
  const given = columnsOf(input)
  const csv = given.find(({ attribute }) => attribute.name === 'csv')
  if (path === undefined && csv === undefined) return { data: given.map(typed) }
  const text = path === undefined ? (csv?.data ?? []).join('\n') : await readFile(path, { encoding: 'utf8', signal })
  const [head, ...rows] = parseCsv(text)
  if (head === undefined) throw new AlgorithmError('NO_HEAD', 'the CSV has no head line')
  const fitting = rows.filter((row) => row.length === head.length)
  if (fitting.length < rows.length) warn(`${rows.length - fitting.length} rows skipped: they have not ${head.length} fields`)
  const columns = head.map((name, index) => {
    signal.throwIfAborted()
    progress((index + 1) / head.length)
    return typed({ attribute: { name, type: 'string' }, data: fitting.map((row) => row[index] ?? '') })
  })
  log(`read ${fitting.length} rows of ${head.length} columns`)
  return { data: columns }
}

function typed(column: Column): Column {
  return { ...column, attribute: { ...column.attribute, type: isNumeric(column) ? 'number' : 'string' } }
}
