/** Where a report stands among those of its task: by incarnation, then sequence number, never by the engine's clock. */
import { incarnationTimeMs } from '../../report/time.ts'
import type { SeqStream } from '../records.ts'

/** Bounds of what is remembered about gaps. */
export type GapLimits = { readonly rangesMax: number; readonly rangesInAnswerMax: number }

const streamsMax = 4
/** Streams of other engines that report the same job-scoped record. */
const foreignStreamsMax = 8
/** A number this far beyond the newest known one is refused: one wild report must not freeze a task. */
const seqJumpMax = 1_000_000

export type Place = 'newest' | 'late' | 'duplicate' | 'stale' | 'jump'

export type Placed = {
  readonly place: Place
  /** Streams after this report was taken, newest incarnation first. The same list when nothing changed. */
  readonly streams: readonly SeqStream[]
  /** Incarnation the report belongs to, after adoption of an unnamed one. */
  readonly incarnation: string
  /** Reports given up because there were too many gaps. */
  readonly lost: number
}

/** Who numbered a report, and how. */
export type Source = {
  /** Given where several engines report one record: each counts for itself, and among them the order is that of arrival. */
  readonly engine?: string
  /** Undefined = the newest known. */
  readonly incarnation: string | undefined
  /** Undefined = arrival order. */
  readonly seq: number | undefined
}

/**
 * Places a report by its incarnation and number.
 * @param streams what is known, newest incarnation first; empty for a task seen for the first time
 */
export function placeReport(streams: readonly SeqStream[], source: Source, nowMs: number, limits: GapLimits): Placed {
  const { engine, incarnation, seq } = source
  if (engine === undefined) return placeAmongOwn(streams, incarnation, seq, nowMs, limits)
  const own = streams.filter((stream) => stream.engine === engine)
  const others = streams.filter((stream) => stream.engine !== engine)
  const placed = placeAmongOwn(own, incarnation, seq, nowMs, limits)
  const named = placed.streams.map((stream) => (stream.engine === engine ? stream : { ...stream, engine }))
  const isInFront = placed.place === 'newest' || streams[0]?.engine === engine
  const kept = others.slice(0, foreignStreamsMax)
  const lost = others.slice(foreignStreamsMax).reduce((sum, stream) => sum + countOf(stream), placed.lost)
  return { ...placed, streams: isInFront ? [...named, ...kept] : [...kept, ...named], lost }
}

function placeAmongOwn(
  streams: readonly SeqStream[],
  incarnation: string | undefined,
  seq: number | undefined,
  nowMs: number,
  limits: GapLimits,
): Placed {
  const known = adoptUnnamed(streams, incarnation)
  const newest = known[0]
  const own = incarnation ?? newest?.incarnation ?? ''
  const at = known.findIndex((stream) => stream.incarnation === own)
  if (at >= 0) return placeInStream(known, at, seq, nowMs, limits)
  if (newest === undefined || isNewerIncarnation(own, newest.incarnation)) {
    const begun = [{ incarnation: own, newest: 0, missing: [] }, ...known]
    const placed = placeInStream(begun, 0, seq, nowMs, limits)
    return withoutOldest(placed, placed.place === 'jump' ? 'newest' : placed.place)
  }
  return placeInUnknownOld(known, own, seq, nowMs, limits)
}

/** Whether incarnation `a` began after `b`: as times where both are times, else what is seen later is newer. */
export function isNewerIncarnation(a: string, b: string): boolean {
  const atA = incarnationTimeMs(a)
  const atB = incarnationTimeMs(b)
  return atA === undefined || atB === undefined ? true : atA > atB
}

/** Gives up ranges that have been open since before `openedBeforeMs`. */
export function closeOldGaps(streams: readonly SeqStream[], openedBeforeMs: number): { streams: SeqStream[]; lost: number } {
  let lost = 0
  const kept = streams.map((stream) => {
    const missing = stream.missing.filter(([from, to, openedAtMs]) => {
      const isOld = openedAtMs <= openedBeforeMs
      if (isOld) lost += to - from + 1
      return !isOld
    })
    return missing.length === stream.missing.length ? stream : { ...stream, missing }
  })
  return { streams: kept, lost }
}

/**
 * Ranges that the newest incarnation still misses, for the answer: the newest ones, in rising order.
 * @param engine whose they are, where several engines report one record
 */
export function missingOf(streams: readonly SeqStream[], limits: GapLimits, engine?: string): [number, number][] {
  const missing = streams.find((stream) => engine === undefined || stream.engine === engine)?.missing ?? []
  return missing.slice(-limits.rangesInAnswerMax).map(([from, to]) => [from, to])
}

export function hasGaps(streams: readonly SeqStream[]): boolean {
  return streams.some((stream) => stream.missing.length > 0)
}

/** When the oldest open range was opened; undefined when nothing is missing. */
export function oldestGapAtMs(streams: readonly SeqStream[]): number | undefined {
  let oldest: number | undefined
  for (const stream of streams) for (const [, , at] of stream.missing) if (oldest === undefined || at < oldest) oldest = at
  return oldest
}

/** A source that had not named its incarnation before and does now is the same source. */
function adoptUnnamed(streams: readonly SeqStream[], incarnation: string | undefined): readonly SeqStream[] {
  const [newest, ...older] = streams
  if (incarnation === undefined || newest === undefined || newest.incarnation !== '') return streams
  return [{ ...newest, incarnation }, ...older]
}

function placeInStream(
  streams: readonly SeqStream[],
  at: number,
  seq: number | undefined,
  nowMs: number,
  limits: GapLimits,
): Placed {
  const stream = streams[at] as SeqStream
  const { incarnation } = stream
  const isCurrent = at === 0
  if (seq === undefined) return { place: isCurrent ? 'newest' : 'stale', streams, incarnation, lost: 0 }
  if (seq <= stream.newest) {
    const rest = without(stream.missing, seq)
    if (rest === undefined) return { place: 'duplicate', streams, incarnation, lost: 0 }
    const { missing, lost } = bounded(rest, limits)
    return { place: isCurrent ? 'late' : 'stale', streams: streams.with(at, { ...stream, missing }), incarnation, lost }
  }
  if (stream.newest > 0 && seq - stream.newest > seqJumpMax) return { place: 'jump', streams, incarnation, lost: 0 }
  const { missing, lost } = opened(stream.missing, stream.newest + 1, seq - 1, nowMs, limits)
  const place = isCurrent ? 'newest' : 'stale'
  return { place, streams: streams.with(at, { ...stream, newest: seq, missing }), incarnation, lost }
}

/** An incarnation older than any that is remembered: remembered from now on as an old one, so that its lines count once. */
function placeInUnknownOld(
  streams: readonly SeqStream[],
  incarnation: string,
  seq: number | undefined,
  nowMs: number,
  limits: GapLimits,
): Placed {
  const begun = [...streams.slice(0, streamsMax - 1), { incarnation, newest: 0, missing: [] }]
  const forgotten = streams.slice(streamsMax - 1).reduce((sum, stream) => sum + countOf(stream), 0)
  const placed = placeInStream(begun, begun.length - 1, seq, nowMs, limits)
  return { ...placed, place: 'stale', lost: placed.lost + forgotten }
}

function withoutOldest(placed: Placed, place: Place): Placed {
  const dropped = placed.streams.slice(streamsMax)
  const lost = dropped.reduce((sum, stream) => sum + countOf(stream), placed.lost)
  return { ...placed, place, streams: placed.streams.slice(0, streamsMax), lost }
}

const countOf = (stream: SeqStream) => stream.missing.reduce((sum, [from, to]) => sum + to - from + 1, 0)

function opened(missing: SeqStream['missing'], from: number, to: number, nowMs: number, limits: GapLimits) {
  if (from > to) return { missing, lost: 0 }
  return bounded([...missing, [from, to, nowMs]], limits)
}

/** Beyond the bound the oldest ranges are given up, also where one range became two. */
function bounded(all: SeqStream['missing'], limits: GapLimits): { missing: SeqStream['missing']; lost: number } {
  const excess = all.slice(0, Math.max(0, all.length - limits.rangesMax))
  return { missing: all.slice(excess.length), lost: excess.reduce((sum, [a, b]) => sum + b - a + 1, 0) }
}

/** The ranges without `seq`, or undefined when it lies in none of them. */
function without(missing: SeqStream['missing'], seq: number): SeqStream['missing'] | undefined {
  const at = missing.findIndex(([from, to]) => from <= seq && seq <= to)
  const range = missing[at]
  if (range === undefined) return undefined
  const [from, to, openedAtMs] = range
  const rest: SeqStream['missing'] = []
  if (from < seq) rest.push([from, seq - 1, openedAtMs])
  if (seq < to) rest.push([seq + 1, to, openedAtMs])
  return [...missing.slice(0, at), ...rest, ...missing.slice(at + 1)]
}
