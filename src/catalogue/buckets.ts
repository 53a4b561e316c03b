/** Upper bounds of `enginescope_task_duration_seconds`: from a tenth of a second to a day. */
export const durationBoundsSeconds = [
  0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400,
] as const

/** Upper bounds of `enginescope_task_queue_seconds`: from a tenth of a second to a day. */
export const queueBoundsSeconds = [0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400] as const

/** Upper bounds for requests and commands that should take milliseconds. */
export const requestBoundsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const

/** Upper bounds for the way of a report from the engine's clock to the door. */
export const delayBoundsSeconds = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600] as const
