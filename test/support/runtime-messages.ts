/** Messages as programs of CDAP publish them. */

type Message = readonly [topic: string, message: unknown]

export const programRunId = (run: string, more: Readonly<Record<string, string>> = {}) =>
  JSON.stringify({ namespace: 'default', application: 'etl', version: '1.0', type: 'Workflow', program: 'daily', run, ...more })

/** A message of the topic `program.status`. */
export function aStatus(
  run: string,
  programStatus: string,
  properties: Readonly<Record<string, string>> = {},
  about: Readonly<Record<string, string>> = {},
): Message {
  const all = { programRunId: programRunId(run, about), programStatus, ...properties }
  return ['program.status', { notificationType: 'PROGRAM_STATUS', properties: all }]
}

/** A report of the topic `task.running`, numbered where a number is given. */
export function aTaskMessage(execId: string, report: Readonly<Record<string, unknown>> = {}): Message {
  return ['task.running', { execId, taskType: 'sql', status: 'Running', progress: 0.5, ...report }]
}

export function aLine(line: string, more: Readonly<Record<string, unknown>> = {}): Message {
  return ['logs', { ts: Date.now(), level: 'INFO', line, ...more }]
}
