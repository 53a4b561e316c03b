import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { textOf } from '../stack/compose-file.ts'
import { configFindings } from './config-checker.ts'
import type { Plain } from './path-rules.ts'

const text = textOf('deploy/kube-state-metrics/custom-resource-state.yaml')

test('the configuration of kube-state-metrics has no fault', () => {
  expect(configFindings(parse(text))).toEqual([])
})

/** The shipped file with one passage changed; the passage must be there. */
function planted(passage: string, by: string): Plain {
  expect(text).toContain(passage)
  return parse(text.replace(passage, by))
}

/** A file with one resource that has one metric. */
function fileOf(metric: object, resource: object = {}): Plain {
  const whole = {
    groupVersionKind: { group: 'sedna.io', version: 'v1alpha1', kind: 'Thing' },
    metricNamePrefix: 'kube_thing',
    labelsFromPath: { namespace: ['metadata', 'namespace'], name: ['metadata', 'name'] },
    metrics: [metric],
    ...resource,
  }
  return { kind: 'CustomResourceStateMetrics', spec: { resources: [JSON.parse(JSON.stringify(whole))] } }
}

const gauge = (more: object = {}) => ({
  name: 'size',
  help: 'Size.',
  each: { type: 'Gauge', gauge: { path: ['status', 'size'], ...more } },
})
const states = (more: object = {}) => ({
  name: 'state',
  help: 'State.',
  each: { type: 'StateSet', stateSet: { labelName: 'state', list: ['A', 'B'], path: ['status', 'state'], ...more } },
})
const info = (name: string, more: object = { labelsFromPath: { node: ['node'] } }) => ({
  name,
  help: 'Facts.',
  each: { type: 'Info', info: { path: ['spec'], ...more } },
})

describe('the checker', () => {
  test('has nothing against a small file that is right', () => {
    expect(configFindings(fileOf(gauge()))).toEqual([])
    expect(configFindings(fileOf(states()))).toEqual([])
    expect(configFindings(fileOf(info('spec_info')))).toEqual([])
  })

  test.each<[string, Plain, string]>([
    ['an unknown key of a metric', fileOf(gauge({ labelsFromKey: 'x' })), 'Thing size has the unknown key labelsFromKey'],
    ['an unknown key of a resource', fileOf(gauge(), { subsystem: 'x' }), 'Thing has the unknown key subsystem'],
    ['an unknown key beside the type', fileOf({ ...gauge(), unit: 's' }), 'Thing size has the unknown key unit'],
    ['an unknown type', fileOf({ ...gauge(), each: { type: 'Counter' } }), 'Thing size has the unknown type Counter'],
    ['an Info not named so', fileOf(info('spec')), 'Thing spec is an Info whose name does not end in _info'],
    ['an Info without labels', fileOf(info('spec_info', {})), 'Thing spec_info is an Info without labels'],
    ['a gauge named as an Info', fileOf({ ...gauge(), name: 'size_info' }), 'Thing size_info ends in _info and is none'],
    ['a StateSet without states', fileOf(states({ list: [] })), 'Thing state is a StateSet without a list'],
    ['a state given twice', fileOf(states({ list: ['A', 'A'] })), 'Thing state has the state A twice'],
    [
      'a StateSet on a list',
      fileOf(states({ path: ['status', 'conditions'] })),
      'Thing state is a StateSet on a list: its series contradict each other',
    ],
    [
      'the oldest condition',
      fileOf(states({ path: ['status', 'conditions', '0', 'type'] })),
      'Thing state path: 0 is the oldest condition for ever, the newest is -1',
    ],
    [
      'the first condition of a kind',
      fileOf(gauge({ path: ['status', 'conditions', '[type=Running]', 'lastTransitionTime'] })),
      'Thing size path: [type=Running] is the oldest condition for ever, the newest is -1',
    ],
    ['an empty help', fileOf({ ...gauge(), help: '' }), 'Thing size has no help'],
    ['an index without quotes', fileOf(gauge({ path: ['spec', 'containers', 0] })), 'Thing size path: 0 is not quoted'],
    ['an empty path', fileOf(gauge({ path: [] })), 'Thing size path is empty'],
    ['a look-up of nothing', fileOf(gauge({ path: ['spec', '[name]'] })), 'Thing size path: [name] looks nothing up'],
    ['nilIsZero', fileOf(gauge({ nilIsZero: true })), 'Thing size shows 0 where there is nothing: a time would be in 1970'],
    ['a label of Prometheus', fileOf(gauge({ labelsFromPath: { job: ['a'] } })), 'Thing size: the label job belongs to others'],
    [
      'a label of kube-state-metrics',
      fileOf(gauge({ labelsFromPath: { customresource_kind: ['a'] } })),
      'Thing size: the label customresource_kind belongs to others',
    ],
    ['a label said above', fileOf(states({ labelName: 'name' })), 'Thing state: the label name hides that of its resource'],
    ['a bad label', fileOf(gauge({ labelsFromPath: { 'a-b': ['a'] } })), 'Thing size: a-b is no name of a label'],
    [
      'no prefix',
      fileOf(gauge(), { metricNamePrefix: undefined }),
      'Thing has no metricNamePrefix: the default has changed twice',
    ],
    [
      'no namespace',
      fileOf(gauge(), { labelsFromPath: { name: ['metadata', 'name'] } }),
      'Thing has no label namespace: resources of one name become one series',
    ],
    ['no version', fileOf(gauge(), { groupVersionKind: { group: 'sedna.io', kind: 'Thing' } }), 'Thing has no version'],
    ['a series made twice', fileOf(gauge(), { metrics: [gauge(), gauge()] }), 'kube_thing_size is made twice'],
  ])('names %s', (_what, file, finding) => {
    expect(configFindings(file)).toEqual([finding])
  })

  test('names a second entry for a resource in the shipped file', () => {
    const file = planted('kind: Dataset', 'kind: JointInferenceService')
    expect(configFindings(file)).toEqual(['JointInferenceService has two entries: kube-state-metrics leaves at its start'])
  })

  test('names an index that lost its quotes in the shipped file', () => {
    const findings = configFindings(planted('- "-1"', '- -1'))
    expect(findings).toEqual(['JointInferenceService status_condition path: -1 is not quoted'])
  })
})
