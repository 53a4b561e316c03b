import { beforeEach, describe, expect, test } from 'vitest'
import { parsePrometheusText } from './prometheus-text.ts'
import { ScrapeRounds } from './scrape-rounds.ts'

let rounds: ScrapeRounds
beforeEach(() => {
  rounds = new ScrapeRounds()
})

/** An answer that shows one shared counter. */
const showing = (value: number) => parsePrometheusText(`# TYPE x_total counter\nx_total{instance=""} ${value}\n`)
const nothing = parsePrometheusText('# TYPE own_total counter\nown_total 3\n')

describe('rounds of scrapes', () => {
  test('are content with a series that moves, with a gap and without', () => {
    rounds.note([showing(1), nothing])
    rounds.note([nothing, showing(1)])
    rounds.note([undefined, nothing])
    rounds.note([showing(2), nothing])
    rounds.note([nothing, nothing])
    expect(rounds).toMatchObject({ overlaps: [], dips: [], handedOver: 0, longestAbsence: 1 })
  })

  test('take one round with two for a hand-over when the one began and the other ended with it', () => {
    rounds.note([showing(1), nothing])
    rounds.note([showing(1), showing(1)])
    rounds.note([nothing, showing(1)])
    rounds.note([nothing, showing(1)])
    expect(rounds).toMatchObject({ overlaps: [], handedOver: 1 })
  })

  test.each([
    [
      'goes on for two rounds',
      [
        [1, 0],
        [1, 1],
        [1, 1],
        [0, 1],
      ],
    ],
    [
      'is by one that was stopped while another has it',
      [
        [1, 0],
        [undefined, 1],
        [1, 1],
        [0, 1],
      ],
    ],
    [
      'comes and goes beside an owner',
      [
        [1, 0],
        [1, 1],
        [1, 0],
      ],
    ],
  ])('see an overlap that %s', (_what, answers) => {
    for (const round of answers)
      rounds.note(round.map((value) => (value === undefined ? undefined : value === 0 ? nothing : showing(1))))
    rounds.note([nothing, nothing])
    expect(rounds.overlaps).not.toEqual([])
  })

  test('see a counter that steps back, also after it was away', () => {
    rounds.note([showing(5), nothing])
    rounds.note([nothing, nothing])
    rounds.note([nothing, showing(4)])
    expect(rounds.dips).toEqual(['round 3: x_total[["instance",""]] 5 → 4'])
  })
})
