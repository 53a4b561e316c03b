import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ScopeError } from '../../errors.ts'
import { isInCatalog, readAlgorithm } from './algorithm.ts'
import { readCheck } from './check-log.ts'
import { readData } from './data.ts'
import { readEvent, readResult } from './event.ts'
import { algorithmsOf, lastNodesOf, readFlow } from './flow.ts'
import { cycleOf } from './graph.ts'
import { Part } from './part.ts'

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../test/fixtures/enginehub/${name}.json`, import.meta.url), 'utf8'))

function refusal(act: () => unknown): { code: string; path: string | undefined; message: string } {
  try {
    act()
  } catch (error) {
    if (error instanceof ScopeError) return { code: error.code, path: error.path, message: error.message }
    throw error
  }
  throw new Error('was not refused')
}

describe('a flow', () => {
  test('a chain is a graph in which each node gets its predecessor', () => {
    const { nodes, failFast } = readFlow(fixture('flow-chain'), 'flow')
    expect(failFast).toBe(true)
    expect(nodes.map(({ id, inputs }) => [id, inputs])).toEqual([
      ['1', ['$input']],
      ['2', ['1']],
    ])
  })

  test('a graph keeps its nodes; what none consumes is last', () => {
    const flow = readFlow(fixture('flow-dag'), 'flow')
    expect(algorithmsOf(flow)).toEqual(['classifier.decisionTree.id3', 'io.csv', 'stat.mean', 'util.merge'])
    expect(lastNodesOf(flow).map(({ id }) => id)).toEqual(['join'])
  })

  const refused = fixture('flows-refused') as { flow: unknown; code: string; path: string; why: string }[]
  test.each(refused)('$why is refused at $path', ({ flow, code, path, why }) => {
    const told = refusal(() => readFlow(flow, 'flow'))
    expect(told).toMatchObject({ code, path })
    if (why.startsWith('cycle')) expect(told.message).toBe(why)
  })

  const node = { algKey: 'io.csv' }
  test.each<[string, unknown, string]>([
    ['no flow', undefined, 'flow'],
    ['a text', 'flow', 'flow'],
    ['no processers', { key: 'a' }, 'flow.processers'],
    ['an empty graph', { processers: {} }, 'flow.processers'],
    ['a key out of the alphabet', { key: 'a b', processers: [node] }, 'flow.key'],
    ['a node on itself', { processers: { a: { ...node, inputs: ['a'] } } }, 'flow.processers'],
    ['an id that begins with $', { processers: { $a: node } }, 'flow.processers.$a'],
    ['an id that begins with __', { processers: [{ ...node, id: '__proto__' }] }, 'flow.processers[0].id'],
    ['an input named twice', { processers: { a: node, b: { ...node, inputs: ['a', 'a'] } } }, 'flow.processers.b.inputs[1]'],
    ['an input that is no text', { processers: { a: { ...node, inputs: [1] } } }, 'flow.processers.a.inputs[0]'],
    ['an inherited name as input', { processers: { a: { ...node, inputs: ['constructor'] } } }, 'flow.processers.a.inputs[0]'],
    [
      'a model that is no table',
      { processers: [{ ...node, model: { data: [{}] } }] },
      'flow.processers[0].model.data[0].attribute',
    ],
    ['failFast in words', { failFast: 'no', processers: [node] }, 'flow.failFast'],
    ['more than 1,000 nodes', { processers: Array.from({ length: 1001 }, () => node) }, 'flow.processers'],
    ['JSON with an own __proto__', JSON.parse('{"processers":{"__proto__":{"algKey":"a"}}}'), 'flow.processers.__proto__'],
  ])('%s is refused', (_, flow, path) => {
    expect(refusal(() => readFlow(flow, 'flow'))).toMatchObject({ code: 'FLOW_INVALID', path })
  })

  test('a node may have a name that every object knows', () => {
    const { nodes } = readFlow({ processers: { constructor: node, toString: { ...node, inputs: ['constructor'] } } }, 'flow')
    expect(nodes.map(({ id }) => id)).toEqual(['constructor', 'toString'])
  })
})

test('a graph has no cycle exactly when its nodes can be put in an order', () => {
  const graphs = fc.array(fc.array(fc.nat(7), { maxLength: 3 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(graphs, (lists) => {
      const inputs = new Map(lists.map((list, id) => [`n${id}`, [...new Set(list)].map((input) => `n${input}`)]))
      const cycle = cycleOf(inputs)
      const done = new Set<string>()
      for (let round = 0; round < inputs.size; round++)
        for (const [id, names] of inputs) if (names.every((name) => done.has(name) || !inputs.has(name))) done.add(id)
      expect(cycle === undefined).toBe(done.size === inputs.size)
      // Each node of a cycle is needed by the one after it.
      for (const [at, id] of (cycle ?? []).slice(1).entries()) expect(inputs.get(id)).toContain(cycle?.[at])
    }),
    { numRuns: 500 },
  )
})

describe('other bodies', () => {
  test('tables are read by columns; {} is nothing', () => {
    const read = (value: unknown) => readData(new Part(value, 'data', 'FLOW_INVALID'))
    expect(read({})).toEqual({})
    const { data } = fixture('flow-start-request') as { data: unknown }
    expect(read(data)).toEqual(data)
    expect(refusal(() => read({ data: [{ attribute: { name: 'a', type: 't' }, data: ['1', 2] }] })).path).toBe(
      'data.data[0].data[1]',
    )
  })

  test('events and results are read as the fixtures have them', () => {
    expect(readEvent(fixture('agent-event'))).toEqual(fixture('agent-event'))
    expect(readResult(fixture('agent-result-ok'))).toEqual(fixture('agent-result-ok'))
    expect(readResult(fixture('agent-result-failed'))).toEqual(fixture('agent-result-failed'))
    const { output: _none, ...without } = fixture('agent-result-ok') as Record<string, unknown>
    expect(refusal(() => readResult(without))).toMatchObject({ code: 'REQUEST_INVALID', path: 'output' })
    expect(refusal(() => readResult({ ...without, fence: '12' })).path).toBe('fence')
  })

  test('decisions need a known word and whose they are', () => {
    expect(readCheck(fixture('check-log-deny-request'))).toEqual(fixture('check-log-deny-request'))
    expect(refusal(() => readCheck({ status: '', checkerKey: 'd' })).path).toBe('status')
    expect(refusal(() => readCheck({ status: 'DENY' })).path).toBe('checkerKey')
  })

  test('an algorithm needs its key alone; a catalog is a path, not a beginning of letters', () => {
    expect(readAlgorithm({ key: 'io.csv' })).toEqual({
      key: 'io.csv',
      name: 'io.csv',
      description: '',
      tags: [],
      catalog: 'io.csv',
    })
    expect(isInCatalog('classifier.decisionTree.id3', 'classifier')).toBe(true)
    expect(isInCatalog('classifiers.x', 'classifier')).toBe(false)
    expect(isInCatalog('classifier', 'classifier.')).toBe(true)
  })
})
