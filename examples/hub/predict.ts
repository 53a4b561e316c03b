/** Says of each row what a trained tree says. */
import { featureOf, valueIn } from './id3.ts'
import { AlgorithmError, columnsOf, type Run, type Table, textColumn } from './table.ts'
import { classify, type Tree } from './tree.ts'

export const algorithm = {
  key: 'classifier.decisionTree.predict',
  name: 'Predict',
  description: 'Classifies rows by the column model of a node that trained a decision tree',
  tags: ['classifier', 'tree'],
  catalog: 'classifier.decisionTree.predict',
}

export async function run({ input, log }: Run): Promise<Table> {
  const columns = columnsOf(input)
  const trained = columns.find(({ attribute }) => attribute.name === 'model')?.data[0]
  if (trained === undefined) throw new AlgorithmError('NO_MODEL', 'no column model')
  const { target, tree } = JSON.parse(trained) as { target: string; tree: Tree }
  const features = columns.filter(({ attribute, data }) => attribute.name !== 'model' && data.length > 1).map(featureOf)
  const count = Math.max(0, ...features.map(({ values }) => values.length))
  log(`${count} rows`)
  const said = Array.from({ length: count }, (_, row) => classify(tree, valueIn(features, row)))
  return { data: [textColumn(`predicted_${target}`, said)] }
}
