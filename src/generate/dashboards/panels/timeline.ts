import { HeatmapCellLayout, TooltipDisplayMode, VisibilityMode } from '@grafana/grafana-foundation-sdk/common'
import {
  PanelBuilder as HeatmapBuilder,
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  HeatmapColorScale,
  HeatmapTooltipBuilder,
  RowsHeatmapOptionsBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap'
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline'
import type { Panel, PanelSpec } from '../model.ts'
import { unitOf } from '../units.ts'
import { noLegend } from './legend.ts'

/** Which state held when, one line for each series. */
export function stateTimeline(spec: PanelSpec): Panel {
  const look = new StateTimelineBuilder()
    .mergeValues(true)
    .rowHeight(0.85)
    .showValue(VisibilityMode.Never)
    .legend(noLegend())
    .lineWidth(0)
    .fillOpacity(80)
  return { ...spec, look }
}

/** How values spread over time, from the buckets of a histogram. */
export function heatmap(spec: PanelSpec): Panel {
  const unit = spec.targets[0] === undefined ? 'short' : unitOf(spec.targets[0].expression)
  const colour = new HeatmapColorOptionsBuilder()
    .mode(HeatmapColorMode.Scheme)
    .scheme('Oranges')
    .scale(HeatmapColorScale.Exponential)
    .exponent(0.5)
    .steps(64)
  const look = new HeatmapBuilder()
    .calculate(false)
    .color(colour)
    .rowsFrame(new RowsHeatmapOptionsBuilder().layout(HeatmapCellLayout.Auto))
    .yAxis(new YAxisConfigBuilder().unit(unit))
    .tooltip(new HeatmapTooltipBuilder().mode(TooltipDisplayMode.Single).yHistogram(true).showColorScale(true))
    .showLegend()
    .cellGap(1)
  return { interval: '1m', ...spec, look }
}
