import { WebSocket } from 'undici'
import { httpClient } from './http.ts'

/** The heap of a program that was started with `NODE_OPTIONS=--inspect=127.0.0.1:<port>`, seen through its inspector. */
export type HeapView = {
  /** Bytes that are in use once everything that nobody holds is collected. */
  readonly usedBytesCollected: () => Promise<number>
  readonly close: () => void
}

/** Opens the inspector of a running program. @param port that it inspects on */
export async function openHeapView(port: number): Promise<HeapView> {
  const [target] = (await httpClient(`http://127.0.0.1:${port}`).get('/json/list')).json<{ webSocketDebuggerUrl: string }[]>()
  const socket = new WebSocket(String(target?.webSocketDebuggerUrl))
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', (event) => reject(new Error(`no inspector: ${event.message}`)))
  })
  let calls = 0
  const call = (method: string) =>
    new Promise<Record<string, unknown>>((resolve) => {
      calls += 1
      const id = calls
      const listen = ({ data }: { data: unknown }) => {
        const answer = JSON.parse(String(data)) as { id?: number; result?: Record<string, unknown> }
        if (answer.id !== id) return
        socket.removeEventListener('message', listen)
        resolve(answer.result ?? {})
      }
      socket.addEventListener('message', listen)
      socket.send(JSON.stringify({ id, method }))
    })
  return {
    async usedBytesCollected() {
      for (let round = 0; round < 3; round++) await call('HeapProfiler.collectGarbage')
      return Number((await call('Runtime.getHeapUsage'))['usedSize'])
    },
    close: () => socket.close(),
  }
}
