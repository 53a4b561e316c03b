import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dashboards } from '../../src/catalogue/dashboards.ts'
import { families } from '../../src/catalogue/families.ts'
import { kubeSeries } from '../../src/catalogue/kube/index.ts'
import { root } from './markdown.ts'

/** Every metric of the tables of the proposal, as they stand there. */
const metricsOfProposal = `PodStatus ContainerStatus K8sJobStatus StageConditionStatus StartTime CompletionTime SampleNum
EdgeInferenceCount CloudInferenceCount HardSampleNum LearningRate EpochNum BatchSize TrainSampleNum EvalSampleNum TaskStage
CurrentStatus IterationNo IterationInferenceCount IterationHardSampleNum EvalNewModelUrl AccuracyMetricForNewModel
AccuracyMetricForOldModel TrainOutputModelUrl DeployModelUrl DeployStatus TrainRemainingTime TrainLoss EvalRemainingTime
TrainNodes TrainStatus NodeSampleNum AggregationNo`.split(/\s+/)

const textOf = (path: string) => readFileSync(join(root, path), 'utf8')
const rowsUnder = (heading: string) =>
  (textOf('docs/sedna.md').split(`## ${heading}\n`)[1] ?? '')
    .split('\n## ')[0]
    ?.split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
    .slice(1)
    .map((line) => line.slice(2, -2).split(' | ')) ?? []
const named = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)

/** As tests call it that read the series of one type. */
const shortOf = (name: string) =>
  name.replace(/^(?:enginescope_(?:joint_inference|incremental_learning|federated_learning)|kube_sedna_[a-z]+)_/, '')

const series = new Set([...Object.values(families), ...kubeSeries].map(({ name }) => name))
const pages = new Map(
  Object.values(dashboards).map(({ title, uid }) => [
    title.replace('Sedna / ', ''),
    textOf(`dashboards/Enginescope/${uid}.json`),
  ]),
)

test('the page has a row for each metric of the proposal, and no other', () => {
  expect(rowsUnder('Each metric of the proposal').map(([metric]) => metric)).toEqual(metricsOfProposal)
})

describe.each(rowsUnder('Each metric of the proposal').map((row) => [row[0] ?? '', row] as const))('%s', (_metric, row) => {
  const [, names = '', panels = '', tests = ''] = row

  test('has series that exist, each asked for by the panels named', () => {
    const wanted = panels.split('; ').map((panel) => panel.split(': '))
    expect(named(names).length).toBeGreaterThan(0)
    const asked = wanted.map(([page = '', title = '']) => {
      const { panels: all } = JSON.parse(pages.get(page) ?? '{}') as { panels: { title: string; targets?: unknown }[] }
      const found = all.find((panel) => panel.title === title)
      expect(found, `${page}: ${title}`).toBeDefined()
      return JSON.stringify(found?.targets)
    })
    for (const name of named(names)) expect(series.has(name), name).toBe(true)
    for (const targets of asked)
      expect(
        named(names).some((name) => targets.includes(name)),
        targets,
      ).toBe(true)
  })

  test('has tests that are there, and that speak of each of its series but those of the cluster itself', () => {
    for (const path of named(tests)) expect(existsSync(join(root, path)), path).toBe(true)
    const text = named(tests).map(textOf).join('\n')
    const said = text.includes('learning-values.ts') ? text + textOf('test/support/learning-values.ts') : text
    const own = named(names).filter((name) => !name.startsWith('kube_') || name.startsWith('kube_sedna_'))
    expect(own.filter((name) => !new RegExp(`\\b${shortOf(name)}\\b`).test(said))).toEqual([])
  })
})

test('each deliverable has files, and a test that is there', () => {
  const rows = rowsUnder('Each deliverable of the proposal')
  expect(rows).toHaveLength(7)
  for (const [, , tests = ''] of rows) for (const path of named(tests)) expect(existsSync(join(root, path)), path).toBe(true)
})

/** Where the end values of every series stand. */
const held = [
  'test/support/learning-values.ts',
  ...readdirSync(join(root, 'test/service'))
    .filter((name) => name.startsWith('learning-'))
    .map((name) => `test/service/${name}`),
]
  .map(textOf)
  .join('\n')

test('every series of the learning types has a value in a test', () => {
  const own = Object.values(families).filter(({ name }) =>
    /^enginescope_(joint_inference|incremental_learning|federated_learning)_/.test(name),
  )
  expect(
    own.filter(({ name }) => !new RegExp(`\\b${shortOf(name)}(_count|_sum|_bucket)?\\b`).test(held)).map(({ name }) => name),
  ).toEqual([])
})
