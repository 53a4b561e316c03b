import { describe, expect, test } from 'vitest'
import { type Block, parseAlloy, type Value, valuesOf } from './alloy-syntax.ts'
import { composeOf, textOf } from './compose-file.ts'

const file = parseAlloy(textOf('loki/config.alloy'))
const components = new Map(file.blocks.map((block) => [`${block.name}.${block.label}`, block]))
const component = (name: string): Block => components.get(name) ?? expect.fail(`${name} is not there`)
const stagesOf = (name: string) => component('loki.process.lines').blocks.filter((block) => block.name === `stage.${name}`)
const textIn = (value: Value | undefined): string => (value?.kind === 'text' ? value.text : '')

/** What each component and stage takes, as the reference of Alloy 1.18 has it; only what is used here. */
const known: Readonly<Record<string, readonly string[]>> = {
  'loki.source.file': ['targets', 'forward_to'],
  'loki.source.file > file_match': ['enabled', 'sync_period', 'ignore_older_than'],
  'loki.process': ['forward_to'],
  'loki.process > stage.multiline': ['firstline', 'max_wait_time', 'max_lines'],
  'loki.process > stage.regex': ['source', 'expression'],
  'loki.process > stage.template': ['source', 'template'],
  'loki.process > stage.labels': ['values'],
  'loki.process > stage.structured_metadata': ['values'],
  'loki.process > stage.truncate': [],
  'loki.process > stage.truncate > rule': ['source_type', 'limit', 'suffix'],
  'loki.process > stage.label_keep': ['values'],
  'loki.write': ['max_streams'],
  'loki.write > endpoint': ['url', 'tenant_id', 'max_backoff_period', 'max_backoff_retries'],
}

function unknownIn({ name, attributes, blocks }: Block, path = name): string[] {
  const names = known[path]
  if (names === undefined) return [path]
  const strange = [...attributes.keys()].filter((key) => !names.includes(key)).map((key) => `${path}.${key}`)
  return [...strange, ...blocks.flatMap((block) => unknownIn(block, `${path} > ${block.name}`))]
}

describe('the Alloy configuration', () => {
  test('is three components, each with a name of its own', () => {
    expect([...components.keys()]).toEqual(['loki.source.file.engines', 'loki.process.lines', 'loki.write.loki'])
    expect(components.size).toBe(file.blocks.length)
  })

  test('holds no block and no attribute that Alloy does not know', () => {
    expect(file.blocks.flatMap((block) => unknownIn(block))).toEqual([])
  })

  test('refers only to components that are there, and to what they hand out', () => {
    const references = valuesOf(file).flatMap((value) => (value.kind === 'reference' ? [value.path] : []))
    expect(references.length).toBeGreaterThan(1)
    for (const path of references) {
      expect(path.at(-1)).toBe('receiver')
      expect([...components.keys()]).toContain(path.slice(0, -1).join('.'))
    }
  })

  test('calls only functions that Alloy has', () => {
    const calls = valuesOf(file).flatMap((value) => (value.kind === 'call' ? [value.path.join('.')] : []))
    expect(new Set(calls)).toEqual(new Set(['coalesce', 'sys.env']))
  })

  test('writes the labels of the contract, all bounded, and no id among them', () => {
    const [keep] = stagesOf('label_keep')
    const labels = valuesOf(keep ?? expect.fail()).flatMap((value) => (value.kind === 'text' ? [value.text] : []))
    expect(labels).toEqual(['service_name', 'namespace', 'engine_type', 'task_type', 'level'])
    expect(component('loki.process.lines').blocks.at(-1)?.name).toBe('stage.label_keep')
    expect(component('loki.write.loki').attributes.get('max_streams')).toMatchObject({ kind: 'number' })
  })

  test('reads the folder and writes to the Loki that the Compose file gives it', () => {
    const { environment = {}, volumes = [] } = composeOf(['docker-compose.yml']).services['alloy'] ?? {}
    expect(environment).toEqual({ ENGINE_LOGS: '/logs', LOKI_URL: 'http://loki:3100' })
    expect(volumes.some((volume) => volume.endsWith(':/logs:ro'))).toBe(true)
    const asked = valuesOf(file).flatMap((value) => (value.kind === 'call' && value.path.at(-1) === 'env' ? value.args : []))
    expect(asked.map(textIn)).toEqual(expect.arrayContaining(Object.keys(environment)))
  })

  test('cuts lines where the aggregator cuts its own', () => {
    expect(textIn(stagesOf('truncate')[0]?.blocks[0]?.attributes.get('limit'))).toBe('64KiB')
  })
})

describe('what it finds in a line', () => {
  const [ofFile, ofLevel] = stagesOf('regex').map(({ attributes }) => {
    const text = textIn(attributes.get('expression'))
    return new RegExp(text.replace('(?i)', '').replaceAll('(?P<', '(?<'), text.startsWith('(?i)') ? 'i' : '')
  })

  test.each([
    ['/logs/hive/server.log', 'hive', 'server.log'],
    ['/var/log/engines/spark-3.5/a b.log', 'spark-3.5', 'a b.log'],
  ])('%s is of the engine type %s', (path, engineType, name) => {
    expect(ofFile?.exec(path)?.groups).toMatchObject({ engine_type: engineType, file: name })
  })

  test.each([`/logs/${'x'.repeat(65)}/a.log`, '/logs/two words/a.log'])('%s is of no engine type', (path) => {
    expect(ofFile?.exec(path) ?? null).toBeNull()
  })

  test.each([
    ['2025-03-04 08:00:05,000 WARN  o.a.Driver - slow', 'WARN'],
    ['[warning] disk is nearly full', 'warning'],
    ['error: no such file', 'error'],
    ['08:00 Severe trouble', 'Severe'],
  ])('%s has its level', (line, word) => {
    expect(ofLevel?.exec(line)?.groups?.['word']).toBe(word)
  })

  test.each(['all is well', 'errors: 0', `${'x'.repeat(90)} ERROR too late`])('%s has none', (line) => {
    expect(ofLevel?.exec(line) ?? null).toBeNull()
  })

  test('lines of a stack trace go on with the line above', () => {
    const first = new RegExp(textIn(stagesOf('multiline')[0]?.attributes.get('firstline')))
    const lines = ['ERROR no', '    at a.b(C.java:1)', '\tat d', 'INFO next']
    expect(lines.map((line) => first.test(line))).toEqual([true, false, false, true])
  })

  test('each branch of the template for levels is closed', () => {
    const template = textIn(stagesOf('template')[0]?.attributes.get('template'))
    const words = [...template.matchAll(/\{\{ (\w+)?/g)].map(([, word]) => word)
    expect(words.filter((word) => word === 'if').length).toBe(words.filter((word) => word === 'end').length)
    expect([...template.matchAll(/\{\{/g)].length).toBe([...template.matchAll(/\}\}/g)].length)
  })
})

describe('the reader of this syntax', () => {
  test.each([
    ['a "b" {', 'line 1: a name was expected, not "the end"'],
    ['a = [1\n]', 'line 1: ] was expected'],
    ['a = 1\na = 2', 'line 2: a is no attribute, or given twice'],
    ['a = 1 b = 2', 'line 1: the end of the line was expected, not "b"'],
    ['a = "x', 'line 1: cannot be read'],
    ['a = ', 'a value was expected'],
  ])('objects to %j', (source, message) => {
    expect(() => parseAlloy(source)).toThrow(message)
  })
})
