/** The rules of Grafana's dashboard linter, by their names there without the ending `-rule`. */
export const ruleNames = [
  'template-datasource',
  'template-job',
  'template-instance',
  'template-label-promql',
  'template-on-time-change-reload',
  'panel-datasource',
  'panel-title-description',
  'panel-units',
  'panel-no-targets',
  'target-logql',
  'target-logql-auto',
  'target-promql',
  'target-rate-interval',
  'target-job',
  'target-instance',
  'target-counter-agg',
  'uneditable-dashboard',
] as const

export type Rule = (typeof ruleNames)[number]
