import { expect, test } from 'vitest'
import { samplesOf } from '../../test/support/prometheus-text.ts'
import { aStore } from '../../test/support/series.ts'
import { RuntimeSeries } from './runtime-series.ts'

function shown() {
  const { store, families } = aStore()
  const series = new RuntimeSeries(store, 60_000, () => 10_000)
  const show = (behind: Readonly<Record<string, number>>) =>
    series.show({
      ...{ namespace: 'default', runtime: 'run', isUp: true, lastSuccessAtMs: 4_000, isOver: false },
      behind: new Map(Object.entries(behind)),
    })
  const behind = () =>
    Object.fromEntries(
      samplesOf(families(), 'enginescope_runtime_messages_behind').map(({ labels, value }) => [labels['topic'], value]),
    )
  return { series, show, behind }
}

test('a topic that is asked for no more shows no messages behind', () => {
  const { show, behind } = shown()
  show({ logs: 3, audit: 5 })
  expect(behind()).toEqual({ logs: 3, audit: 5 })
  show({ logs: 2 })
  expect(behind()).toEqual({ logs: 2 })
  show({ logs: 2, audit: 1 })
  expect(behind()).toEqual({ logs: 2, audit: 1 })
})

test('a runtime that another monitor follows leaves at once', () => {
  const { series, show, behind } = shown()
  show({ logs: 3 })
  series.leave({ namespace: 'default', runtime: 'run' })
  expect(behind()).toEqual({})
})
