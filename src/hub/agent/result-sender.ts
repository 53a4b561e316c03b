import { setTimeout as pause } from 'node:timers/promises'
import type { MemberClient } from '../http/member-client.ts'
import type { HubLog } from '../log.ts'
import type { NodeResult } from '../model/event.ts'

/** Where a result goes, and until when anybody wants it. Read anew for each try: a take-over changes it. */
export type Destination = { readonly replyTo: string; readonly fence: number; readonly deadline: number }

const waitMsMin = 100
const waitMsMax = 5_000

/** Posts a result until it is answered or its deadline is past; one try is made in any case. @returns whether it was taken */
export async function sendResult(
  client: MemberClient,
  result: Omit<NodeResult, 'fence'>,
  destination: () => Destination,
  { log, signal }: { log: HubLog; signal: AbortSignal },
): Promise<boolean> {
  for (let waitMs = waitMsMin; ; waitMs = Math.min(waitMs * 2, waitMsMax)) {
    const { replyTo, fence, deadline } = destination()
    const answer = await client.post(replyTo, { ...result, fence }).catch(() => undefined)
    const isTaken = answer !== undefined && answer.status < 300
    // A dispatcher that has taken the process over may ask for the result meanwhile: then it is sent to that one.
    const isRefused = answer !== undefined && !isTaken && !mayRetry(answer.status) && destination().fence === fence
    const isTooLate = Date.now() >= deadline || signal.aborted
    if (isTaken || isRefused || isTooLate) {
      if (!isTaken) log.info({ event: result.eventId, status: answer?.status }, 'a result was not taken')
      return isTaken
    }
    const restMs = Math.max(answer?.retryAfterMs ?? 0, waitMs * (0.75 + Math.random() / 2))
    await pause(restMs, undefined, { signal }).catch(() => undefined)
  }
}

const mayRetry = (status: number) => status >= 500 || status === 429
