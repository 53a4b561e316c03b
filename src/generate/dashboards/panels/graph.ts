import {
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LineInterpolation,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import type { Panel, PanelSpec } from '../model.ts'
import { legendTable } from './legend.ts'

/** Values over time as lines. */
export function timeSeries(spec: PanelSpec): Panel {
  const look = graph(spec)
    .drawStyle(GraphDrawStyle.Line)
    .lineInterpolation(LineInterpolation.Linear)
    .lineWidth(1)
    .fillOpacity(8)
    .stacking(new StackingConfigBuilder().mode(StackingMode.None))
  return { ...spec, look }
}

/** Values over time that change by jumps, such as counts of what is there. */
export function steps(spec: PanelSpec): Panel {
  const look = graph(spec)
    .drawStyle(GraphDrawStyle.Line)
    .lineInterpolation(LineInterpolation.StepAfter)
    .lineWidth(1)
    .fillOpacity(8)
    .stacking(new StackingConfigBuilder().mode(StackingMode.None))
  return { ...spec, look }
}

/** Parts of a whole for each interval, one upon the other. An interval holds several scrapes, or an increase would be lost. */
export function stackedBars(spec: PanelSpec): Panel {
  const look = graph(spec)
    .drawStyle(GraphDrawStyle.Bars)
    .lineWidth(0)
    .fillOpacity(80)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'))
  return { interval: '1m', ...spec, look }
}

/** Counts for each interval, side by side. */
export function bars(spec: PanelSpec): Panel {
  const look = graph(spec)
    .drawStyle(GraphDrawStyle.Bars)
    .lineWidth(0)
    .fillOpacity(80)
    .stacking(new StackingConfigBuilder().mode(StackingMode.None))
  return { interval: '1m', ...spec, look }
}

function graph({ thresholds }: PanelSpec): PanelBuilder {
  const tooltip = new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending)
  const mode = thresholds === undefined ? GraphThresholdsStyleMode.Off : GraphThresholdsStyleMode.Dashed
  return new PanelBuilder()
    .legend(legendTable())
    .tooltip(tooltip)
    .showPoints(VisibilityMode.Never)
    .axisSoftMin(0)
    .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(mode))
}
