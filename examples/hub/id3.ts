/** Trains a decision tree on a table. */
import {
  AlgorithmError,
  type Column,
  columnsOf,
  isNumeric,
  numberColumn,
  numberOf,
  parameter,
  type Run,
  type Table,
  textColumn,
  wholeParameter,
} from './table.ts'
import { classify, type Feature, growTree, treeText } from './tree.ts'

export const algorithm = {
  key: 'classifier.decisionTree.id3',
  name: 'ID3',
  description: 'Decision tree by information gain',
  tags: ['classifier', 'tree'],
  catalog: 'classifier.decisionTree.id3',
}

/** Parameters: `target` (default: the last column), `depthMax` (12), `rowsMin` (2). */
export async function run({ input, model, log, warn, progress, signal }: Run): Promise<Table> {
  const columns = columnsOf(input)
  const target = targetOf(columns, parameter(model, 'target'))
  const classes = target.data
  if (classes.length === 0) throw new AlgorithmError('NO_ROWS', 'no rows to learn from')
  const features = columns.filter((column) => column !== target && column.data.length === classes.length).map(featureOf)
  const left = columns.length - 1 - features.length
  if (left > 0) warn(`${left} columns left out: they have not ${classes.length} rows`)
  let done = 0
  const tree = growTree({
    features,
    classes,
    depthMax: wholeParameter(model, 'depthMax', 12),
    rowsMin: wholeParameter(model, 'rowsMin', 2),
    onSplit: (text, rows) => {
      signal.throwIfAborted()
      log(`${text} (${rows} rows)`)
    },
    onLeaf: (rows) => {
      done += rows
      progress(done / classes.length)
    },
  })
  const right = classes.filter((name, row) => classify(tree, valueIn(features, row)) === name).length
  log(`${right} of ${classes.length} rows as they are`)
  return {
    data: [
      textColumn('tree', [treeText(tree)]),
      textColumn('model', [JSON.stringify({ target: target.attribute.name, tree })]),
      numberColumn('accuracy', [right / classes.length]),
    ],
  }
}

function targetOf(columns: readonly Column[], name: string | undefined): Column {
  const target = name === undefined ? columns.at(-1) : columns.find(({ attribute }) => attribute.name === name)
  if (target === undefined) throw new AlgorithmError('NO_TARGET', 'no column to predict')
  return target
}

/** A column as the tree sees it. */
export function featureOf(column: Column): Feature {
  const numeric = isNumeric(column)
  const value = (text: string) => (numeric ? numberOf(text) : text === '' ? undefined : text)
  return { name: column.attribute.name, isNumeric: numeric, values: column.data.map(value) }
}

/** The values of one row by feature. */
export function valueIn(features: readonly Feature[], row: number): (name: string) => string | number | undefined {
  const byName = new Map(features.map((feature) => [feature.name, feature]))
  return (name) => byName.get(name)?.values[row]
}
