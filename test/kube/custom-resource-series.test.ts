/**
 * What kube-state-metrics would show of the resources in test/fixtures/sedna/crd, worked out by our own telling of its rules.
 * Values are stated here by hand. The golden file holds the whole text; ENGINESCOPE_WRITE_GOLDEN=1 writes it anew after a change
 * that is meant.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { kubeSeries } from '../../src/catalogue/kube/index.ts'
import { textOf } from '../stack/compose-file.ts'
import { hasPromtool } from '../stack/promtool.ts'
import { parsePrometheusText } from '../support/prometheus-text.ts'
import { numberFrom, type Plain, valueAt } from './path-rules.ts'
import { expositionOf, type Family, familiesOf, type StateConfig } from './state-metrics.ts'

const fixtures = fileURLToPath(new URL('../fixtures/sedna/', import.meta.url))
const golden = join(fixtures, 'kube-state-metrics.prom')
const config = parse(textOf('deploy/kube-state-metrics/custom-resource-state.yaml')) as StateConfig

function objectsIn(file: string): Plain[] {
  const documents = parseAllDocuments(readFileSync(join(fixtures, 'crd', `${file}.yaml`), 'utf8'))
  return documents.map((document) => document.toJS()).filter((object) => object !== null)
}

const files = readdirSync(join(fixtures, 'crd'))
  .map((name) => name.replace('.yaml', ''))
  .sort()
const all = familiesOf(config, files.flatMap(objectsIn))
const text = expositionOf(all)

type Flat = Readonly<Record<string, number>>

/** The samples of one file: name without prefix, then own labels, to the value. Of state sets only the state that is 1. */
function shown(file: string, resource?: string): Flat {
  const objects = objectsIn(file).filter((object) => resource === undefined || `${namespaced(object)}` === resource)
  const entries = familiesOf(config, objects).flatMap((family) =>
    family.samples.flatMap(({ labels, value }): [string, number][] => {
      if (family.type === 'StateSet' && value === 0) return []
      const own = Object.entries(labels).filter(([label]) => !/^(customresource_.*|namespace|name|uid)$/.test(label))
      const bare = family.name.replace(/^kube_sedna_[a-z]+?_(?=created|status|spec)/, '')
      return [[[bare, ...own.map(([label, is]) => `${label}=${is}`)].join(' '), value]]
    }),
  )
  return Object.fromEntries(entries)
}

const namespaced = (object: Plain) => `${valueAt(object, ['metadata', 'namespace'])}/${valueAt(object, ['metadata', 'name'])}`
const seriesCount = (file: string) => familiesOf(config, objectsIn(file)).reduce((sum, { samples }) => sum + samples.length, 0)

const modelInfo =
  'spec_model_info edge_model=helmet-little-model cloud_model=helmet-big-model hard_example_mining=IBT edge_node=edge1 cloud_node=cloud'
const ofJob = {
  created_timestamp_seconds: 1767599880,
  spec_train_ratio: 0.8,
  'spec_deploy_trigger_threshold metric=precision_delta operator=>': 0.1,
  'spec_dataset_info dataset=helmet-dataset initial_model=initial-model deploy_model=deploy-model': 1,
  spec_batch_size: 32,
  spec_epochs: 3,
  spec_learning_rate: 0.001,
}
const ofNodes = Object.fromEntries(
  ['edge1', 'edge2', 'edge3'].flatMap((node) => [
    [`spec_training_worker_info node=${node} dataset=${node}-defects`, 1],
    [`spec_learning_rate node=${node} dataset=${node}-defects`, 0.001],
    [`spec_batch_size node=${node} dataset=${node}-defects`, 32],
  ]),
)
const ofFederation = { created_timestamp_seconds: 1767599880, ...ofNodes, spec_exit_round: 5 }
const pods = (active: number, succeeded: number, failed: number) => ({
  status_active_pods: active,
  status_succeeded_pods: succeeded,
  status_failed_pods: failed,
})

describe('of a resource is shown', () => {
  test.each<[string, Flat]>([
    ['ji-newborn', { created_timestamp_seconds: 1767599880, [modelInfo]: 1 }],
    ['il-newborn', ofJob],
    ['fl-newborn', ofFederation],
    [
      'ji-mid-run',
      {
        created_timestamp_seconds: 1767599880,
        'status_condition condition=Running': 1,
        status_start_timestamp_seconds: 1767600000,
        status_active_workers: 2,
        status_failed_workers: 0,
        status_reported_inferences: 1200,
        status_reported_hard_samples: 180,
        status_reported_upload_ratio: 0.15,
        [modelInfo]: 1,
      },
    ],
    [
      'il-mid-run',
      {
        ...ofJob,
        status_start_timestamp_seconds: 1767600000,
        status_last_transition_timestamp_seconds: 1767600240,
        'status_stage stage=Train': 1,
        'status_condition condition=Running': 1,
      },
    ],
    [
      'il-three-iterations',
      {
        ...ofJob,
        status_start_timestamp_seconds: 1767600000,
        status_last_transition_timestamp_seconds: 1767608580,
        'status_stage stage=Deploy': 1,
        'status_condition condition=Completed': 1,
      },
    ],
    [
      'fl-mid-run',
      {
        ...ofFederation,
        status_start_timestamp_seconds: 1767600180,
        'status_phase phase=Running': 1,
        'status_condition condition=Training': 1,
        ...pods(4, 0, 0),
      },
    ],
    [
      'fl-finished',
      {
        ...ofFederation,
        status_start_timestamp_seconds: 1767600180,
        status_completion_timestamp_seconds: 1767601560,
        'status_phase phase=Succeeded': 1,
        'status_condition condition=Complete': 1,
        ...pods(0, 4, 0),
      },
    ],
    [
      'fl-failed-then-late-training',
      {
        ...ofFederation,
        status_start_timestamp_seconds: 1767600180,
        'status_phase phase=Failed': 1,
        'status_condition condition=Training': 1,
        ...pods(2, 0, 1),
      },
    ],
    [
      'datasets',
      {
        'status_samples dataset=edge1-defects': 1200,
        'status_samples dataset=edge2-defects': 800,
        'status_samples dataset=edge3-defects': 400,
      },
    ],
  ])('of %s exactly this', (file, expected) => {
    expect(shown(file)).toEqual(expected)
  })

  test('one of each namespace where two share a name', () => {
    const file = 'ji-same-name-two-namespaces'
    expect(shown(file, 'site-a/gate-ji')).toMatchObject({
      'status_condition condition=Running': 1,
      status_active_workers: 2,
      status_failed_workers: 0,
    })
    expect(shown(file, 'site-b/gate-ji')).toMatchObject({
      'status_condition condition=Failed': 1,
      status_start_timestamp_seconds: 1767603600,
      status_active_workers: 1,
      status_failed_workers: 1,
    })
  })
})

const keysOf = (families: readonly Family[]) =>
  families.flatMap(({ name, samples }) => samples.map(({ labels }) => JSON.stringify([name, Object.entries(labels).sort()])))

describe('over all resources', () => {
  test('no series is there twice', () => {
    const keys = keysOf(all)
    expect(keys.length).toBeGreaterThan(140)
    expect(new Set(keys).size).toBe(keys.length)
  })

  test.each(['edge1', undefined])(
    'nor where all workers of a job train on one node (%s), each with its own data set',
    (nodeName) => {
      const [job] = objectsIn('fl-mid-run') as [Plain]
      const workers = valueAt(job, ['spec', 'trainingWorkers']) as { template: { spec: { nodeName?: string | undefined } } }[]
      for (const { template } of workers) template.spec.nodeName = nodeName
      const families = familiesOf(config, [job])
      const keys = keysOf(families)
      expect(keys.filter((key, at) => keys.indexOf(key) !== at)).toEqual([])
      const rates = families.find(({ name }) => name.endsWith('spec_learning_rate') && name.includes('federated'))?.samples
      expect(rates?.map(({ labels }) => labels['dataset'])).toEqual(['edge1-defects', 'edge2-defects', 'edge3-defects'])
    },
  )

  test('the states of a resource add up to one, and there are none without a status', () => {
    for (const { name, samples } of all.filter(({ type }) => type === 'StateSet')) {
      const sums = new Map<string, number>()
      for (const { labels, value } of samples) sums.set(String(labels['uid']), (sums.get(String(labels['uid'])) ?? 0) + value)
      expect(sums.size, name).toBeGreaterThan(0)
      expect(
        [...sums.values()].filter((sum) => sum !== 1),
        name,
      ).toEqual([])
    }
    for (const file of ['ji-newborn', 'il-newborn', 'fl-newborn'])
      expect(Object.keys(shown(file)).filter((name) => name.startsWith('status_'))).toEqual([])
  })

  test('the number of series does not grow with the number of conditions', () => {
    expect(seriesCount('il-three-iterations')).toBe(seriesCount('il-mid-run'))
  })

  test('no time is in 1970', () => {
    const times = all.filter(({ name }) => name.endsWith('_timestamp_seconds')).flatMap(({ samples }) => samples)
    expect(times.length).toBeGreaterThan(20)
    expect(times.filter(({ value }) => value < 1_700_000_000)).toEqual([])
  })

  test('every series of the catalogue has its labels, and no other is there', () => {
    const ofSedna = kubeSeries.filter(({ name }) => name.startsWith('kube_sedna_'))
    expect(all.map(({ name }) => name).sort()).toEqual(ofSedna.map(({ name }) => name).sort())
    // Sedna never sets it, so that no fixture has it.
    const empty = all.filter(({ samples }) => samples.length === 0).map(({ name }) => name)
    expect(empty).toEqual(['kube_sedna_incrementallearningjob_status_completion_timestamp_seconds'])
    for (const { name, labels } of ofSedna) {
      for (const sample of samplesOf(name)) expect(Object.keys(sample.labels).sort(), name).toEqual([...labels].sort())
    }
  })
})

const samplesOf = (name: string): Family['samples'] => all.find((family) => family.name === name)?.samples ?? []

describe('the exposition', () => {
  if (process.env['ENGINESCOPE_WRITE_GOLDEN'] === '1') writeFileSync(golden, text)

  test('is the one that is kept', () => {
    expect(text).toBe(readFileSync(golden, 'utf8'))
  })

  test('is read by a strict reader of the format', () => {
    expect([...parsePrometheusText(text).keys()]).toEqual(all.map(({ name }) => name))
  })

  test.runIf(hasPromtool)('has nothing that promtool objects to (skipped where promtool is not installed)', () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    expect(`${stdout}${stderr}`).toBe('')
    expect(status).toBe(0)
  })
})

describe('paths and numbers are read as kube-state-metrics reads them', () => {
  const thing: Plain = {
    list: [
      { k: 'a', v: 1 },
      { k: 'b', v: 2 },
      { k: '3', v: 3 },
    ],
    empty: [],
    on: null,
  }

  test.each<[string[], unknown]>([
    [['list', '0', 'v'], 1],
    [['list', '-1', 'v'], 3],
    [['list', '7', 'v'], undefined],
    [['empty', '-1', 'v'], undefined],
    [['list', '[k=b]', 'v'], 2],
    [['list', '[k=3]', 'v'], 3],
    [['list', '[k=c]', 'v'], undefined],
    [['list', 'v'], undefined],
    [['on', 'v'], undefined],
    [['constructor', 'name'], undefined],
  ])('%j', (path, value) => {
    expect(valueAt(thing, path)).toBe(value)
  })

  test.each<[Plain, number | undefined]>([
    ['0.001', 0.001],
    ['1200', 1200],
    ['True', 1],
    ['unknown', 0],
    ['25m', 0.025],
    ['5Gi', 5 * 2 ** 30],
    ['40%', 0.4],
    ['1e3', 1000],
    ['2026-01-05T08:00:00Z', 1767600000],
    ['2026-01-05T09:00:00+01:00', 1767600000],
    ['Train', undefined],
    ['', undefined],
    [null, undefined],
    [true, 1],
  ])('%j', (value, number) => {
    expect(numberFrom(value)).toBe(number)
  })
})

/** One resource with one metric, as kube-state-metrics would have it. */
function familyOf(each: unknown, object: Plain): Family | undefined {
  const groupVersionKind = { group: 'g', version: 'v', kind: 'K' }
  const metrics = [{ name: 'x', help: 'X.', each }]
  const one = { kind: '', spec: { resources: [{ groupVersionKind, metricNamePrefix: 'p', labelsFromPath: {}, metrics }] } }
  return familiesOf(one as StateConfig, [{ apiVersion: 'g/v', kind: 'K', ...(object as object) }])[0]
}

test('what the checker forbids does go wrong: states on a list contradict each other', () => {
  const each = { type: 'StateSet', stateSet: { labelName: 's', list: ['A', 'B'], path: ['all'], valueFrom: ['type'] } }
  const family = familyOf(each, { all: [{ type: 'A' }, { type: 'B' }] })
  expect(family?.samples.map(({ labels, value }) => [labels['s'], value])).toEqual([
    ['A', 1],
    ['B', 0],
    ['A', 0],
    ['B', 1],
  ])
})
