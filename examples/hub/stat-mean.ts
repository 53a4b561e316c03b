/** Means of the columns of numbers. */
import { AlgorithmError, columnsOf, isNumeric, numberColumn, numberOf, type Run, type Table } from './table.ts'

export const algorithm = {
  key: 'stat.mean',
  name: 'Mean',
  description: 'Mean of each column of numbers, over the rows that have one',
  tags: ['statistics'],
  catalog: 'stat.mean',
}

export async function run({ input, log, progress }: Run): Promise<Table> {
  const columns = columnsOf(input).filter(isNumeric)
  if (columns.length === 0) throw new AlgorithmError('NO_NUMBERS', 'no column of numbers')
  const means = columns.map(({ attribute, data }, at) => {
    const values = data.map(numberOf).filter((value) => value !== undefined)
    progress((at + 1) / columns.length)
    return numberColumn(`mean_${attribute.name}`, [values.reduce((sum, value) => sum + value, 0) / values.length])
  })
  log(`${means.length} means`)
  return { data: means }
}
