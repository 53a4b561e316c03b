import { PanelBuilder as BarGaugeBuilder } from '@grafana/grafana-foundation-sdk/bargauge'
import {
  BarGaugeDisplayMode,
  BarGaugeValueMode,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  ReduceDataOptionsBuilder,
  VizOrientation,
} from '@grafana/grafana-foundation-sdk/common'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import type { Panel, PanelSpec } from '../model.ts'
import { noLegend } from './legend.ts'

const newest = () => new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields('')

/** One number, large; its way there behind it when it is asked for over time. */
export function stat(spec: PanelSpec): Panel {
  const isOverTime = spec.targets.every(({ isInstant }) => isInstant !== true)
  const look = new StatBuilder()
    .reduceOptions(newest())
    .colorMode(BigValueColorMode.Value)
    .graphMode(isOverTime ? BigValueGraphMode.Area : BigValueGraphMode.None)
    .textMode(spec.targets.length > 1 ? BigValueTextMode.ValueAndName : BigValueTextMode.Auto)
  return { ...spec, look }
}

/** A few values as bars, the largest first as the query sorts them. */
export function barGauge(spec: PanelSpec): Panel {
  const look = new BarGaugeBuilder()
    .reduceOptions(newest())
    .orientation(VizOrientation.Horizontal)
    .displayMode(BarGaugeDisplayMode.Basic)
    .valueMode(BarGaugeValueMode.Color)
    .showUnfilled(true)
    .legend(noLegend())
  return { ...spec, look }
}
