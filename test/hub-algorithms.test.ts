import { describe, expect, test } from 'vitest'
import { parseCsv } from '../examples/hub/csv.ts'
import { run as id3 } from '../examples/hub/id3.ts'
import { run as loadCsv } from '../examples/hub/io-csv.ts'
import { run as merge } from '../examples/hub/merge.ts'
import { run as predict } from '../examples/hub/predict.ts'
import { run as describeColumns } from '../examples/hub/stat-describe.ts'
import { run as mean } from '../examples/hub/stat-mean.ts'
import { type Run, type Table, textColumn } from '../examples/hub/table.ts'
import { entropy } from '../examples/hub/tree.ts'
import chain from './fixtures/enginehub/flow-start-request.json' with { type: 'json' }

function aRun(input: Record<string, Table>, parameters: Record<string, string> = {}) {
  const said = { lines: [] as string[], warnings: [] as string[], progress: [] as number[] }
  const context: Run = {
    input,
    model: { data: Object.entries(parameters).map(([name, value]) => textColumn(name, [value])) },
    log: (line) => said.lines.push(line),
    warn: (line) => said.warnings.push(line),
    progress: (ratio) => said.progress.push(ratio),
    signal: new AbortController().signal,
  }
  return { context, said }
}

const csvTable = (text: string): Table => ({ data: [textColumn('csv', text.split('\n'))] })
const valuesOf = (table: Table) => Object.fromEntries((table.data ?? []).map(({ attribute, data }) => [attribute.name, data]))

/** Quinlan's days (Induction of Decision Trees, 1986), of which everything is known by hand. */
const days = `outlook,temperature,humidity,windy,play
sunny,hot,high,false,no
sunny,hot,high,true,no
overcast,hot,high,false,yes
rain,mild,high,false,yes
rain,cool,normal,false,yes
rain,cool,normal,true,no
overcast,cool,normal,true,yes
sunny,mild,high,false,no
sunny,cool,normal,false,yes
rain,mild,normal,false,yes
sunny,mild,normal,true,yes
overcast,mild,high,true,yes
overcast,hot,normal,false,yes
rain,mild,high,true,no`

describe('io.csv', () => {
  test('reads quotes, commas and line ends within fields, and leaves out empty lines', () => {
    expect(parseCsv('a,b\r\n"1,5","say ""hi""\nthere"\n\n2,\n')).toEqual([
      ['a', 'b'],
      ['1,5', 'say "hi"\nthere'],
      ['2', ''],
    ])
    expect(parseCsv('')).toEqual([])
    expect(parseCsv('x')).toEqual([['x']])
    expect(parseCsv('a,\n')).toEqual([['a', '']])
  })

  test('finds out which columns are numbers, and skips rows of another width', async () => {
    const { context, said } = aRun({ $input: csvTable('age,buys\n31,yes\n44,no\n1,2,3\n27,yes') })
    const table = await loadCsv(context)
    expect(table.data?.map(({ attribute }) => attribute)).toEqual([
      { name: 'age', type: 'number' },
      { name: 'buys', type: 'string' },
    ])
    expect(valuesOf(table)).toEqual({ age: ['31', '44', '27'], buys: ['yes', 'no', 'yes'] })
    expect(said.warnings).toEqual(['1 rows skipped: they have not 2 fields'])
  })

  test('hands a table on that is none of CSV', async () => {
    expect(await loadCsv(aRun({ $input: chain.data }).context)).toEqual({ data: chain.data.data })
  })
})

describe('statistics', () => {
  test('the mean of each column of numbers, over the rows that have one', async () => {
    const table = await loadCsv(aRun({ $input: csvTable('a,b,c\n1,x,2\n2,y,\n6,z,4') }).context)
    expect(valuesOf(await mean(aRun({ load: table }).context))).toEqual({ mean_a: ['3'], mean_c: ['3'] })
    await expect(mean(aRun({ load: { data: [] } }).context)).rejects.toMatchObject({ code: 'NO_NUMBERS' })
  })

  test('2, 4, 4, 4, 5, 5, 7, 9 has mean 5, median 4.5 and a deviation of the root of 32/7', async () => {
    const table = { data: [textColumn('n', ['2', '4', '4', '4', '5', '5', '7', '9'])] }
    expect(valuesOf(await describeColumns(aRun({ load: table }).context))).toEqual({
      column: ['n'],
      count: ['8'],
      mean: ['5'],
      stddev: ['2.13809'],
      min: ['2'],
      median: ['4.5'],
      max: ['9'],
    })
  })
})

describe('ID3', () => {
  test('the entropy of nine to five is 0.940 bits', () => {
    expect(entropy([9, 5])).toBeCloseTo(0.9403, 4)
    expect(entropy([7])).toBe(0)
    expect(entropy([1, 1, 1, 1])).toBe(2)
  })

  test('finds the tree of Quinlan: outlook first, then humidity and wind', async () => {
    const { context, said } = aRun({ load: await loadCsv(aRun({ $input: csvTable(days) }).context) })
    const trained = valuesOf(await id3(context))
    expect(trained['tree']).toEqual([
      'outlook=overcast:yes;outlook=rain:(windy=false:yes;windy=true:no);outlook=sunny:(humidity=high:no;humidity=normal:yes)',
    ])
    expect(trained['accuracy']).toEqual(['1'])
    expect(said.progress.at(-1)).toBe(1)
    expect(said.lines[0]).toBe('split on outlook (14 rows)')
  })

  test('cuts a column of numbers where it tells most, as in the fixtures', async () => {
    const trained = valuesOf(await id3(aRun({ load: chain.data }).context))
    expect(trained['tree']).toEqual(['age<=31:yes;else:no'])
  })

  test('is a leaf where nothing tells anything, or it may go no deeper', async () => {
    const table = await loadCsv(aRun({ $input: csvTable('x,y\na,no\na,yes\na,yes') }).context)
    expect(valuesOf(await id3(aRun({ load: table }).context))).toMatchObject({ tree: ['yes'], accuracy: ['0.666667'] })
    const all = await loadCsv(aRun({ $input: csvTable(days) }).context)
    const shallow = valuesOf(await id3(aRun({ load: all }, { depthMax: '1' }).context))
    expect(shallow['tree']).toEqual(['outlook=overcast:yes;outlook=rain:yes;outlook=sunny:no'])
    expect(shallow['accuracy']).toEqual(['0.714286'])
  })

  test('refuses a target that is not there and a table without rows', async () => {
    await expect(id3(aRun({ load: chain.data }, { target: 'nope' }).context)).rejects.toMatchObject({ code: 'NO_TARGET' })
    await expect(id3(aRun({ load: {} }).context)).rejects.toMatchObject({ code: 'NO_TARGET' })
    const empty = { data: [textColumn('a', [])] }
    await expect(id3(aRun({ load: empty }).context)).rejects.toMatchObject({ code: 'NO_ROWS' })
    await expect(id3(aRun({ load: chain.data }, { depthMax: '0' }).context)).rejects.toMatchObject({ code: 'BAD_PARAMETER' })
  })

  test('a trained tree says of new rows what it learnt, and of unknown values what is most frequent', async () => {
    const trained = await id3(aRun({ load: await loadCsv(aRun({ $input: csvTable(days) }).context) }).context)
    const fresh = await loadCsv(
      aRun({ $input: csvTable('outlook,humidity,windy\nsunny,normal,true\nrain,high,true\nfog,high,true') }).context,
    )
    const { context } = aRun({ train: trained, load: fresh })
    expect(valuesOf(await predict(context))).toEqual({ predicted_play: ['yes', 'no', 'yes'] })
  })
})

describe('util.merge', () => {
  test('puts columns side by side, and names that come twice get their node in front', async () => {
    const merged = await merge(
      aRun({
        stats: { data: [textColumn('mean_age', ['34']), textColumn('n', ['1'])] },
        train: { data: [textColumn('tree', ['yes']), textColumn('n', ['2'])] },
      }).context,
    )
    expect(valuesOf(merged)).toEqual({ mean_age: ['34'], 'stats.n': ['1'], tree: ['yes'], 'train.n': ['2'] })
  })
})
