/** `resourceMap` and `progressInfo`: what the engine's cluster manager and its stages say. */
import {
  count,
  emptyObject,
  isObject,
  isPrototypeKey,
  type JsonObject,
  keysOf,
  label,
  type Parts,
  partsOf,
  quantity,
  type Read,
} from './fields.ts'
import type { ReportLimits } from './limits.ts'
import type { Notes } from './notes.ts'
import type { Application, SubtaskProgress } from './report.ts'

/** Words for an application that still holds what it was given. An unknown word counts as live and is noted. */
const liveWords: ReadonlySet<string> = new Set(['RUNNING', 'PREP', 'ACCEPTED', 'NEW', 'SUBMITTED', 'UNKNOWN', ''])
const finishedWords: ReadonlySet<string> = new Set(['SUCCEEDED', 'SUCCESS', 'FINISHED', 'COMPLETED', 'FAILED', 'KILLED', 'ERROR'])

/** What is sent of one application, under its id. */
type Sent = Omit<Application, 'applicationId' | 'live'>

/** @param isBare a message of Linkis itself, whose engines say COMPLETED of applications that run. */
export function resourcesOf(limits: ReportLimits, isBare: boolean): Read<Application[]> {
  const text = label(limits)
  const parts: Parts<Sent> = {
    queueMemory: quantity,
    queueCores: quantity,
    queueInstances: quantity,
    jobStatus: text,
    queue: text,
  }
  const readParts = partsOf('resourceMap', parts, limits)
  const readOne = (applicationId: string, source: JsonObject, path: string, notes: Notes): Application => {
    const sent = readParts(source, path, notes) ?? {}
    const { queueMemory = 0, queueCores = 0, queueInstances = 0, jobStatus = '', queue = '' } = sent
    const holds = queueMemory > 0 || queueCores > 0
    const live = liveWords.has(jobStatus) || isLive(jobStatus.toUpperCase(), isBare && holds, notes)
    return { applicationId, queueMemory, queueCores, queueInstances, jobStatus, queue, live }
  }
  return (value, path, notes) => {
    if (!isObject(value)) return emptyList(value, path, notes)
    const applications: Application[] = []
    for (const key of keysOf(value, path, limits, notes)) {
      const source = value[key]
      const hasRoom = applications.length < limits.applicationsMax
      const applicationId = hasRoom && isObject(source) && !isPrototypeKey(key) ? text(key, path, notes) : undefined
      if (applicationId === undefined) notes.ignore(path)
      else applications.push(readOne(applicationId, source as JsonObject, path, notes))
    }
    return applications
  }
}

/** @param isCompletedLive Linkis exchanges the word: what still holds something has not completed */
function isLive(word: string, isCompletedLive: boolean, notes: Notes): boolean {
  if (finishedWords.has(word)) return isCompletedLive && word === 'COMPLETED'
  if (!liveWords.has(word)) notes.ignore('jobStatus')
  return true
}

/** A stage without a usable id is left out; a number that is missing or cannot be used is 0; both are noted. */
export function subtasksOf(limits: ReportLimits): Read<SubtaskProgress[]> {
  const parts: Parts<SubtaskProgress> = {
    id: label(limits),
    totalTasks: count,
    runningTasks: count,
    failedTasks: count,
    succeedTasks: count,
  }
  const readParts = partsOf('progressInfo', parts, limits)
  return (value, path, notes) => {
    if (!Array.isArray(value)) return emptyObject(value, path, notes)
    if (value.length > limits.subtasksMax) notes.ignore(path)
    const stages: SubtaskProgress[] = []
    for (const sent of value.slice(0, limits.subtasksMax)) {
      const stage = readParts(sent, 'progressInfo.id', notes)
      if (stage?.id !== undefined) stages.push(wholeStage(stage, stage.id))
      else if (stage !== undefined) notes.ignore('progressInfo.id')
    }
    return stages
  }
}

function wholeStage(stage: Partial<SubtaskProgress>, id: string): SubtaskProgress {
  const { totalTasks, runningTasks, failedTasks, succeedTasks } = stage
  const isWhole =
    totalTasks !== undefined && runningTasks !== undefined && failedTasks !== undefined && succeedTasks !== undefined
  return isWhole
    ? (stage as SubtaskProgress)
    : {
        id,
        totalTasks: totalTasks ?? 0,
        runningTasks: runningTasks ?? 0,
        failedTasks: failedTasks ?? 0,
        succeedTasks: succeedTasks ?? 0,
      }
}

/** `[]` where a map belongs still says "none now". */
function emptyList(value: unknown, path: string, notes: Notes): [] | undefined {
  if (Array.isArray(value) && value.length === 0) return []
  notes.ignore(path)
  return undefined
}
