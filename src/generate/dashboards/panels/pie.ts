import { LegendDisplayMode, LegendPlacement, ReduceDataOptionsBuilder } from '@grafana/grafana-foundation-sdk/common'
import {
  PanelBuilder as PieChartBuilder,
  PieChartLegendOptionsBuilder,
  PieChartLegendValues,
  PieChartType,
} from '@grafana/grafana-foundation-sdk/piechart'
import type { Panel, PanelSpec } from '../model.ts'

/** Parts of a whole at one moment. */
export function pie(spec: PanelSpec): Panel {
  const legend = new PieChartLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.Table)
    .placement(LegendPlacement.Right)
    .showLegend(true)
    .values([PieChartLegendValues.Value, PieChartLegendValues.Percent])
  const look = new PieChartBuilder()
    .pieType(PieChartType.Donut)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''))
    .legend(legend)
  return { ...spec, look }
}
