/** Statistics of each column of numbers, one row a column. */
import {
  AlgorithmError,
  type Column,
  columnsOf,
  isNumeric,
  numberColumn,
  numberOf,
  type Run,
  type Table,
  textColumn,
} from './table.ts'

export const algorithm = {
  key: 'stat.describe',
  name: 'Describe',
  description: 'Count, mean, standard deviation (of the sample), minimum, median and maximum of each column of numbers',
  tags: ['statistics'],
  catalog: 'stat.describe',
}

export async function run({ input }: Run): Promise<Table> {
  const columns = columnsOf(input).filter(isNumeric)
  if (columns.length === 0) throw new AlgorithmError('NO_NUMBERS', 'no column of numbers')
  const rows = columns.map(describe)
  const of = (name: keyof (typeof rows)[number]) =>
    numberColumn(
      name,
      rows.map((row) => row[name]),
    )
  const names = textColumn(
    'column',
    columns.map(({ attribute }) => attribute.name),
  )
  return { data: [names, of('count'), of('mean'), of('stddev'), of('min'), of('median'), of('max')] }
}

function describe({ data }: Column) {
  const values = data
    .map(numberOf)
    .filter((value) => value !== undefined)
    .sort((a, b) => a - b)
  const count = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const at = (index: number) => values[index] ?? Number.NaN
  return {
    count,
    mean,
    stddev: count > 1 ? Math.sqrt(squares / (count - 1)) : 0,
    min: at(0),
    median: (at(Math.floor((count - 1) / 2)) + at(Math.ceil((count - 1) / 2))) / 2,
    max: at(count - 1),
  }
}
