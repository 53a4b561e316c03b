import { expect, test } from 'vitest'
import { formatFor, takesGzip } from './negotiation.ts'

test.each([
  [undefined, 'text'],
  ['', 'text'],
  ['*/*', 'text'],
  ['text/html', 'text'],
  ['application/json', 'text'],
  ['application/openmetrics-text', 'openmetrics'],
  ['application/openmetrics-text; version=1.0.0; charset=utf-8', 'openmetrics'],
  ['application/openmetrics-text; version="1.0.0"', 'openmetrics'],
  ['APPLICATION/OpenMetrics-Text;Version=1.0.0', 'openmetrics'],
  ['application/openmetrics-text;version=2.0.0', 'text'],
  ['application/openmetrics-text;version=1.0.0;q=0.4, text/plain;version=0.0.4;q=0.5', 'text'],
  ['application/openmetrics-text;version=1.0.0;q=0.5, text/plain;version=0.0.4;q=0.4', 'openmetrics'],
  ['application/openmetrics-text;q=0', 'text'],
  ['application/openmetrics-text;q=abc, text/plain;q=0.1', 'text'],
  ['application/openmetrics-text;q=1.5', 'text'],
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
    'openmetrics',
  ],
] as const)('Accept %s gets %s', (accept, format) => {
  expect(formatFor(accept)).toBe(format)
})

test.each([
  [undefined, false],
  ['gzip', true],
  ['gzip, deflate, br', true],
  ['br;q=1, gzip;q=0.2', true],
  ['gzip;q=0', false],
  ['*', true],
  ['*, gzip;q=0', false],
  ['identity', false],
  ['gzip;q=nonsense', false],
])('Accept-Encoding %s takes gzip: %s', (acceptEncoding, isTaken) => {
  expect(takesGzip(acceptEncoding)).toBe(isTaken)
})
