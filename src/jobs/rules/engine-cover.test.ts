import { expect, test } from 'vitest'
import { aReport } from '../../../test/support/job-stores.ts'
import { reportParser } from '../../report/parse.ts'
import type { Report } from '../../report/report.ts'
import { type Heard, isCoveredBy } from './engine-cover.ts'

const parse = reportParser()

function heard(changes: Record<string, unknown>, stampUs = 1): Heard {
  const parsed = parse(aReport(changes), Date.now())
  if (!parsed.isValid) throw new Error(parsed.rejection.message)
  return { report: parsed.report satisfies Report, stampUs, engineType: 'spark' }
}

const counts = (changes: Record<string, unknown>) => ({ engineTaskCounts: { running: 1, succeeded: 5, ...changes } })

test.each([
  ['the same facts and counts, told again', {}, {}, true],
  ['counts that have grown', counts({}), counts({ running: 3, succeeded: 6 }), true],
  ['a count that has fallen', counts({}), counts({ succeeded: 4 }), false],
  ['a count that the later one does not name', counts({ pending: 2 }), counts({}), false],
  ['counts that the later one does not name at all', counts({}), {}, false],
  ['a fact that the later one does not name', { engine: { node: 'n1' } }, {}, false],
  ['another start of the engine', { engine: { incarnation: 'a' } }, { engine: { incarnation: 'b' } }, false],
  ['no start named: a fall would be one', { engine: { incarnation: null } }, { engine: { incarnation: null } }, false],
  [
    'time spent in states, which only grows',
    { engine: { stateSeconds: { idle: 1 } } },
    { engine: { stateSeconds: { idle: 2 } } },
    false,
  ],
  ['a heartbeat, which has numbers and lines of its own', { execId: null, status: null }, {}, false],
])('what an engine is told anew is left out, and nothing else: %s', (_case, earlier, later, isCovered) => {
  expect(isCoveredBy(heard(earlier, 1), heard(later, 2))).toBe(isCovered)
})

test('what is behind, and what comes before it, cover nothing', () => {
  expect(isCoveredBy(heard({}, 2), heard({}, 1))).toBe(false)
  expect(isCoveredBy(heard({}, 1), heard({}, 0))).toBe(false)
})
