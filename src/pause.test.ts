import { expect, test } from 'vitest'
import { Pause } from './pause.ts'

const minuteMs = 60_000

test('a wait takes its time, and no longer than until it is ended', async () => {
  const pause = new Pause()
  const beganAtMs = performance.now()
  await pause.wait(20)
  // Timers may be a fraction of a millisecond early.
  expect(performance.now() - beganAtMs).toBeGreaterThan(18)
  const waiting = pause.wait(minuteMs)
  pause.end()
  await waiting
})

test('what was ended before a wait began does not end that wait', async () => {
  const pause = new Pause()
  pause.end()
  const waiting = pause.wait(minuteMs)
  expect(await Promise.race([waiting, 'goes on'])).toBe('goes on')
  pause.end()
  await waiting
})

test('once closed, neither the wait under way nor a later one lasts', async () => {
  const pause = new Pause()
  const waiting = pause.wait(minuteMs)
  pause.close()
  await waiting
  await pause.wait(minuteMs)
})
