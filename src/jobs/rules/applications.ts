import type { Application } from '../../report/report.ts'

const applicationsMax = 256

type Applications = readonly Application[]

/**
 * Applications after a report. A list names all there are now: one that is missing from it stays in the detail, no longer live.
 * Absent = no news.
 */
export function nextApplications(known: Applications, reported: Applications | undefined): Applications {
  if (reported === undefined) return known
  if (isSameList(known, reported)) return reported.length > applicationsMax ? reported.slice(-applicationsMax) : reported
  const named = new Set(reported.map((application) => application.applicationId))
  const gone = known.filter((application) => !named.has(application.applicationId)).map(ended)
  return [...gone, ...reported].slice(-applicationsMax)
}

/** The usual case, for which nothing need be looked up. */
function isSameList(known: Applications, reported: Applications): boolean {
  return known.length === reported.length && known.every(({ applicationId }, i) => applicationId === reported[i]?.applicationId)
}

/** Applications that only an overtaken report named belong to the detail; whether they are live, newer reports have said. */
export function withOvertaken(known: Applications, reported: Applications | undefined): Applications {
  const names = new Set(known.map((application) => application.applicationId))
  const unknown = (reported ?? []).filter((application) => !names.has(application.applicationId))
  return unknown.length === 0 ? known : [...unknown.map(ended), ...known].slice(-applicationsMax)
}

/** Nothing a finished task held is live any more. */
export function endedApplications(known: Applications): Applications {
  return known.some((application) => application.live) ? known.map(ended) : known
}

const ended = (application: Application): Application => (application.live ? { ...application, live: false } : application)
