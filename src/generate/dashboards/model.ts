/** What a page is made of, before it has places, numbers and links. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import type { Panel as GrafanaPanel, ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard'
import type { DashboardKey } from '../../catalogue/dashboards.ts'
import type { TaskType } from '../../catalogue/task-types.ts'
import type { Override } from './colours.ts'
import type { Expression } from './query/expression.ts'
import type { GrafanaUnit } from './units.ts'

/** One query of a panel. */
export type Target = {
  readonly expression: Expression
  /** Name of each series, as Grafana's `{{label}}` template. */
  readonly legend?: string
  /** Asked once, for the end of the time range: whatever has `$__range` in it, and tables. */
  readonly isInstant?: boolean
  readonly format?: 'table' | 'heatmap'
  /** Drawn as the line that the others must stay below. */
  readonly isCapacity?: boolean
}

/** From which value on which colour; the first has no lower end. */
export type Thresholds = readonly { readonly from: number | null; readonly colour: string }[]

/** Where a click on a value leads. */
export type Destination = DashboardKey | 'console' | 'consoleJob' | 'deadLetters'

/** What every panel says, whatever it looks like. */
export type PanelSpec = {
  readonly title: string
  /** One sentence: the question that the panel answers. */
  readonly description: string
  readonly targets: readonly Target[]
  /** Columns of 24. */
  readonly width: number
  /** Rows of 30 pixels. */
  readonly height: number
  /** Only where the unit of the first query is not the panel's. */
  readonly unit?: GrafanaUnit
  readonly thresholds?: Thresholds
  /** Besides the log lines, to which every panel of series leads. */
  readonly links?: readonly Destination[]
  readonly min?: number
  readonly max?: number
  readonly decimals?: number
  /** Shown when the answer is empty, where that means something. */
  readonly noValue?: string
  /** The narrowest interval, so that `$__interval` holds several scrapes. */
  readonly interval?: string
  readonly mappings?: readonly ValueMapping[]
  readonly overrides?: readonly Override[]
  readonly isTransparent?: boolean
}

/** A panel with its look, waiting for a place. */
export type Panel = PanelSpec & { readonly look: Builder<GrafanaPanel> }

/** Panels under a heading. `repeatBy`: once for every chosen value of that variable. */
export type Row = {
  readonly title: string
  readonly repeatBy?: string
  readonly panels: readonly Panel[]
}

export type Page = {
  readonly key: DashboardKey
  /** For whom the page is and how to read it, in Markdown. */
  readonly audience: string
  readonly description: string
  readonly rows: readonly Row[]
  readonly from: '1h' | '3h' | '6h'
  readonly refresh: '10s' | '30s'
  /** Whether any panel or annotation asks Loki. */
  readonly needsLoki: boolean
}

/** Settings of the generated pages. */
export type DashboardOptions = {
  /** Where the console is found by the reader's browser, without a slash at the end. */
  readonly consoleUrl: string
  /** Task types that get a row of their own, with those that the user declares. */
  readonly taskTypes: readonly TaskType[]
}
