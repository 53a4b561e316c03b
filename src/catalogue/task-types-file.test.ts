import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { metricKinds, taskTypeLines, taskTypeMetrics, taskTypes } from './task-types.ts'
import { readTaskTypes } from './task-types-file.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'enginescope-types-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function faultsOf(text: string): string[] {
  const path = join(folder, 'types.yaml')
  writeFileSync(path, text)
  return (readTaskTypes(path).faults ?? []).map(({ source, message }) => `${source} ${message}`)
}

/** A file with one type, and within it one list of one-line entries. */
const withMetrics = (...entries: string[]) => listOf('metrics', entries)
const listOf = (list: string, entries: string[]) =>
  `taskTypes:\n  - name: mine\n    title: Mine\n    ${list}:\n${entries.map((entry) => `      - { ${entry} }\n`).join('')}`
const gauge = (name: string, more = '') => `name: ${name}, field: ${name}, type: gauge, help: A number.${more}`
const counter = (name: string, more = '') => `name: ${name}, field: ${name}, type: counter, help: A number.${more}`

describe('the example', () => {
  const { types = [] } = readTaskTypes(fileURLToPath(new URL('../../examples/task-types.yaml', import.meta.url)))

  test('is a type with its families, each once', () => {
    const [type] = types
    if (type === undefined) throw new Error('the example has faults')
    expect(type).toMatchObject({ name: 'video_transcode', title: 'Video transcoding', isBuiltIn: false })
    expect(taskTypeMetrics(type).map(({ name, type: kind, unit, labels }) => [name, kind, unit, labels.slice(6).join()])).toEqual(
      [
        ['enginescope_video_transcode_frames_total', 'counter', 'count', ''],
        ['enginescope_video_transcode_bitrate', 'gauge', 'count', ''],
        ['enginescope_video_transcode_output_bytes', 'gauge', 'bytes', ''],
        ['enginescope_video_transcode_segments_total', 'counter', 'count', 'cache'],
        ['enginescope_video_transcode_phase', 'gauge', 'flag', 'phase'],
        ['enginescope_video_transcode_output_info', 'gauge', 'info', 'codec,resolution'],
      ],
    )
    expect(taskTypeLines(type)).toBe(5 + 4 + 1)
  })

  test('says of its fields how they are merged', () => {
    const kindOf = metricKinds(taskTypes(types))
    expect(['framesDone', 'bitrateKbps', 'phase', 'toString'].map((field) => kindOf('video_transcode', field))).toEqual([
      'counter',
      'gauge',
      'gauge',
      'gauge',
    ])
    expect(kindOf('sql', 'framesDone')).toBe('gauge')
  })
})

test.each([
  ['a metric without its unit at the end', withMetrics(gauge('size', ', unit: bytes')), 'size must end in _bytes'],
  ['a counter without _total', withMetrics(counter('steps')), 'steps must end in _total'],
  [
    'a counter of seconds in the wrong order',
    withMetrics(counter('busy_total_seconds', ', unit: seconds')),
    'must end in _seconds_total',
  ],
  ['a gauge that calls itself a total', withMetrics(gauge('steps_total')), 'steps_total must not end in _total'],
  ['a plain number that calls itself bytes', withMetrics(gauge('size_bytes')), 'size_bytes must not end in _bytes'],
  ['a histogram', withMetrics('name: a, field: a, type: histogram, help: A number.'), 'type must be gauge or counter'],
  ['an unknown unit', withMetrics(gauge('a', ', unit: miles')), 'unit must be one of count, seconds'],
  ['a name that is no name', withMetrics(gauge('Loss')), 'name must be lower snake case'],
  ['a field that is no field', withMetrics('name: a, field: 9 lives, type: gauge, help: A number.'), 'field must be 1 to 100 of'],
  ['a help that is no sentence', withMetrics('name: a, field: a, type: gauge, help: number'), 'help must be one sentence'],
  ['no help', withMetrics('name: a, field: a, type: gauge'), 'help must be a text'],
  ['an unknown word', withMetrics(gauge('a', ', colour: red')), 'colour is not known here'],
  ['a label of a task', withMetrics(gauge('a', ', labels: { job_id: x }')), 'labels.job_id job_id is a label that is kept'],
  ['the label instance', withMetrics(gauge('a', ', labels: { instance: x }')), 'instance is a label that is kept'],
  ['an info that does not say so', listOf('infos', ['name: output, help: Facts., fields: { a: a }']), 'output must end in _info'],
  ['an info without fields', listOf('infos', ['name: info, help: Facts., fields: {}']), 'must name at least one field'],
  ['a set of one state', listOf('states', ['name: a, field: a, help: A state., states: [on]']), 'must hold at least two states'],
  [
    'a state twice',
    listOf('states', ['name: a, field: a, help: A state., states: [on, off, on]']),
    'states[2] on is there twice',
  ],
  ['no types', 'taskTypes: []\n', 'must hold at least one task type'],
  [
    'a series of another program',
    'taskTypes:\n  - name: hub_queue\n    title: Queue\n    metrics:\n      - { name: processes, field: p, type: gauge, help: One. }\n',
    'makes enginescope_hub_queue_processes, which there is already',
  ],
  ['a list', '- a\n', 'must be a map that holds taskTypes'],
  ['an empty file', '', 'must be a map that holds taskTypes'],
])('%s is a fault', (_name, text, message) => {
  const faults = faultsOf(text)
  expect(faults).toHaveLength(1)
  expect(faults[0]).toContain(message)
  expect(faults[0]).toMatch(/^types\.yaml/)
})

test('a name twice is a fault unless it is one family with other labels', () => {
  const hit = (name: string, value: string) =>
    `name: ${name}, field: f${value}, type: counter, help: Uses., labels: { cache: ${value} }`
  expect(faultsOf(withMetrics(hit('uses_total', 'hit'), hit('uses_total', 'miss')))).toEqual([])
  expect(
    faultsOf(withMetrics(hit('uses_total', 'hit'), `name: uses_total, field: b, type: counter, help: Others.`))[0],
  ).toContain('types.yaml:6 taskTypes[0].metrics[1].name makes enginescope_mine_uses_total again')
  const same = `name: uses_total, field: other, type: counter, help: Uses., labels: { cache: hit }`
  expect(faultsOf(withMetrics(hit('uses_total', 'hit'), same))[0]).toContain('again with the same labels')
})

test('every fault is told at once, in the order of the file, each with its line', () => {
  const text = `taskTypes:
  - name: task
    title: Taken
  - name: mine
    metrics:
      - { name: a, field: x, type: gauge, help: One. }
      - { name: b, field: x, type: gauge, help: Two. }
  - name: mine
    title: Mine
`
  expect(faultsOf(text)).toEqual([
    'types.yaml:2 taskTypes[0].name task is kept for series of Enginescope itself',
    'types.yaml:4 taskTypes[1].title must be a text',
    'types.yaml:7 taskTypes[1].metrics[1].field x is used before in this type',
    'types.yaml:8 taskTypes[2].name mine is declared before',
  ])
})

test('a file that is not there or no YAML is a fault, not an exception', () => {
  expect(readTaskTypes(join(folder, 'none.yaml')).faults).toHaveLength(1)
  expect(faultsOf('taskTypes: [')).not.toEqual([])
  expect(faultsOf('a: &a [*a]\n')).not.toEqual([])
})
