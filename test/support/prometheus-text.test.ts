import { describe, expect, test } from 'vitest'
import { parsePrometheusText, samplesOf, sampleValue } from './prometheus-text.ts'

const exposition = `# HELP http_requests_total Requests, \\\\ and \\n escaped.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027
http_requests_total{method="post",code="400",} 3

# a remark
# TYPE odd gauge
odd{path="C:\\\\DIR\\\\",text="say \\"hi\\"\\n"} -1.5e-3
odd NaN
no_type_at_all   +Inf
# HELP latency_seconds How long.
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.5"} 1
latency_seconds_bucket{le="1.0"} 3
latency_seconds_bucket{le="+Inf"} 4
latency_seconds_sum 3.25
latency_seconds_count 4
`

describe('an exposition', () => {
  const families = parsePrometheusText(exposition)

  test('is read into families with type, help and samples', () => {
    expect(Object.fromEntries([...families].map(([name, { type, samples }]) => [name, [type, samples.length]]))).toEqual({
      http_requests_total: ['counter', 2],
      odd: ['gauge', 2],
      no_type_at_all: ['untyped', 1],
      latency_seconds: ['histogram', 5],
    })
    expect(families.get('http_requests_total')?.help).toBe('Requests, \\ and \n escaped.')
  })

  test('has its escapes undone', () => {
    expect(families.get('odd')?.samples[0]).toEqual({
      name: 'odd',
      labels: { path: 'C:\\DIR\\', text: 'say "hi"\n' },
      value: -0.0015,
    })
  })

  test('is looked into by name and some of the labels', () => {
    expect(sampleValue(families, 'http_requests_total', { code: '400' })).toBe(3)
    expect(sampleValue(families, 'latency_seconds_count')).toBe(4)
    expect(sampleValue(families, 'http_requests_total', { code: '500' })).toBeUndefined()
    expect(samplesOf(families, 'http_requests_total', { method: 'post' })).toHaveLength(2)
    expect(() => sampleValue(families, 'http_requests_total', { method: 'post' })).toThrow('2 samples')
  })

  test('may be empty', () => {
    expect(parsePrometheusText('').size).toBe(0)
  })
})

describe('refused is', () => {
  test.each([
    ['a missing last newline', 'a 1', 'newline'],
    ['the same sample twice', 'a{x="1",y="2"} 1\na{y="2",x="1"} 2\n', 'line 2: the same sample twice'],
    ['a family in two places', 'a 1\nb 1\na{x="1"} 1\n', 'a in two places'],
    ['a second TYPE', '# TYPE a gauge\n# TYPE a gauge\n', 'second TYPE'],
    ['a second HELP', '# HELP a x\n# HELP a x\n', 'second HELP'],
    ['TYPE behind samples', 'a 1\n# TYPE a gauge\n', 'behind the samples'],
    ['an unknown type', '# TYPE a info\na 1\n', 'no such type'],
    ['TYPE out of form', '# TYPE 1a gauge\n', 'out of form'],
    ['a raw quote in a label', 'a{x="say "hi""} 1\n', 'no comma'],
    ['a raw backslash in a label', 'a{x="C:\\d"} 1\n', 'labels out of form'],
    ['a raw newline in a label', 'a{x="1\n2"} 1\n', 'line 1'],
    ['a bad escape in a help', '# HELP a \\t\n', 'bad escape'],
    ['a label twice', 'a{x="1",x="2"} 1\n', 'label x twice'],
    ['a bad label name', 'a{x-y="1"} 1\n', 'labels out of form'],
    ['the name as a label', 'a{__name__="b"} 1\n', 'name as a label'],
    ['a value that is no number', 'a 1,5\n', 'not a number'],
    ['an infinity without a sign', 'a Infinity\n', 'not a number'],
    ['a timestamp', 'a 1 1700000000000\n', 'not a sample'],
    ['a name that starts with a digit', '1a 1\n', 'not a sample'],
    ['le on a gauge', '# TYPE a gauge\na{le="1.0"} 1\n', 'le outside a bucket'],
    ['a histogram without +Inf', '# TYPE a histogram\na_bucket{le="1.0"} 1\na_sum 1\na_count 1\n', '+Inf is not its count'],
    [
      'a histogram that falls',
      '# TYPE a histogram\na_bucket{le="1.0"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
      'do not rise',
    ],
    ['a histogram without a sum', '# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 1\n', 'no sum'],
  ])('%s', (_, text, message) => {
    expect(() => parsePrometheusText(text)).toThrow(message)
  })
})
