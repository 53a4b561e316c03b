/** Every number and address that an installation may want to have otherwise. */
export type RuleOptions = {
  /** Value of the label `job` under which the aggregator is scraped. */
  readonly job: string
  /** Base of the links to dashboards, without a slash at its end. */
  readonly grafanaUrl: string
  /** The runbook; the anchor is added. */
  readonly runbookUrl: string
  readonly thresholds: Thresholds
  /**
   * Every length of time in the rules is multiplied by this: how often they are evaluated, windows, how long an alert waits.
   * Below 1 for trials, where nobody can wait for hours. The thresholds and the tests of the rules stay.
   */
  readonly timeScale: number
}

/** Beyond these alerts begin to count their time. */
export const defaultThresholds = {
  /** Share of the engines that may fall silent at once, and how few never matter. */
  suspectEnginesRatioMax: 0.2,
  suspectEnginesMin: 3,
  /** Starts of one engine within 15 minutes. */
  engineRestartsMax: 3,
  slotsTakenRatioMax: 0.95,
  /** Share of the ended attempts that may fail within 10 minutes, of at least so many. */
  failureRatioMax: 0.05,
  failureTasksMin: 20,
  /** Objective for attempts, and how many times faster than planned its budget may be spent over an hour, over a day. */
  successObjectiveRatio: 0.99,
  budgetBurnFastMax: 14.4,
  budgetBurnSlowMax: 3,
  /** What 95 % of the tasks may wait for a slot, and what the oldest may. */
  queueWaitSecondsMax: 300,
  oldestWaitingSecondsMax: 1800,
  /** Times the usual run time of its kind, known from at least so many attempts. */
  overdueTimesMax: 3,
  overdueTasksMin: 20,
  /** Times slower than the median of its siblings, of at least so many. */
  stragglerTimesMax: 3,
  stragglerSiblingsMin: 3,
  rejectedReportsRatioMax: 0.01,
  logOutboxAgeSecondsMax: 120,
  logOutboxFilledRatioMax: 0.7,
  redisCommandSecondsMax: 0.05,
  eventLoopLagSecondsMax: 0.2,
  hubQueueAgeSecondsMax: 300,
  /** What 95 % of the processes may wait for a dispatcher. */
  hubScheduleToStartSecondsMax: 60,
  /** Take-overs within 15 minutes. */
  hubTakeoversMax: 5,
  /** Rounds that a node may be behind the aggregator, and times the median of its job that it may train. */
  federatedStaleRoundsMax: 2,
  federatedStragglerTimesMax: 3,
  /** How long an evaluation or a deployment may wait. Training waits for samples: that is normal. */
  sednaStageWaitSecondsMax: 3600,
  hardSampleRatioMax: 0.4,
  cloudErrorRatioMax: 0.05,
  driftScoreMax: 0.2,
  sednaWorkerSilentSecondsMax: 120,
  runtimePollLagSecondsMax: 120,
  runtimeMessagesBehindMax: 10_000,
} as const

export type Thresholds = { readonly [K in keyof typeof defaultThresholds]: number }

/** What the shipped rules are made with. */
export const defaultRuleOptions: RuleOptions = {
  job: 'enginescope',
  grafanaUrl: 'http://localhost:3000',
  runbookUrl: 'docs/runbook.md',
  thresholds: defaultThresholds,
  timeScale: 1,
}
