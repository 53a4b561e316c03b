import { LegendDisplayMode, LegendPlacement, VizLegendOptionsBuilder } from '@grafana/grafana-foundation-sdk/common'

/** The legend of every graph: a table with the last and the largest value. */
export function legendTable(placement: 'bottom' | 'right' = 'bottom'): VizLegendOptionsBuilder {
  return new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.Table)
    .placement(placement === 'right' ? LegendPlacement.Right : LegendPlacement.Bottom)
    .showLegend(true)
    .calcs(['lastNotNull', 'max'])
}

/** For panels whose colours explain themselves. */
export function noLegend(): VizLegendOptionsBuilder {
  return new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.List)
    .placement(LegendPlacement.Bottom)
    .showLegend(false)
    .calcs([])
}
