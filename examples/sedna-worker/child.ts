import { type ChildProcess, fork } from 'node:child_process'

type Message = { readonly kind: string }

/** A worker in a process of its own. */
export type Child = {
  readonly process: ChildProcess
  /** Its exit code, or the signal that ended it. Never rejects. */
  readonly ended: Promise<number | string>
  /** The next message of a kind, also one that has come already. @throws when the worker is gone first, or `stop` is aborted */
  readonly receive: <Received extends Message>(kind: Received['kind'], stop: AbortSignal) => Promise<Received>
}

/** Starts a worker. It stops, too, when this process is gone. @param module e.g. `new URL('node.js', import.meta.url)` */
export function startChild(module: URL, args: readonly string[]): Child {
  const child = fork(module, args)
  const inbox: Message[] = []
  const waiting = new Set<() => void>()
  let end: number | string | undefined
  const wake = () => {
    for (const look of waiting) look()
  }
  child.on('message', (message: Message) => {
    inbox.push(message)
    wake()
  })
  const ended = new Promise<number | string>((resolve) => {
    const leave = (how: number | string) => {
      end = how
      wake()
      resolve(how)
    }
    child.once('exit', (code, signal) => leave(code ?? signal ?? 'unknown'))
    child.once('error', (error) => leave(error.message))
  })
  return { process: child, ended, receive: (kind, stop) => receive({ inbox, waiting, end: () => end }, kind, stop) }
}

type Mail = { readonly inbox: Message[]; readonly waiting: Set<() => void>; readonly end: () => number | string | undefined }

async function receive<Received extends Message>(mail: Mail, kind: string, stop: AbortSignal): Promise<Received> {
  for (;;) {
    const at = mail.inbox.findIndex((message) => message.kind === kind)
    const [message] = at < 0 ? [] : mail.inbox.splice(at, 1)
    if (message !== undefined) return message as Received
    stop.throwIfAborted()
    if (mail.end() !== undefined) throw new Error(`a worker ended with ${mail.end()} where "${kind}" was waited for`)
    await new Promise<void>((resolve) => {
      const look = () => {
        mail.waiting.delete(look)
        stop.removeEventListener('abort', look)
        resolve()
      }
      mail.waiting.add(look)
      stop.addEventListener('abort', look)
    })
  }
}

/** Lets workers end by themselves as after Ctrl-C, and waits until they are gone. */
export async function stopChildren(children: readonly Child[]): Promise<void> {
  for (const { process: child } of children) child.kill('SIGTERM')
  await Promise.all(children.map(({ ended }) => ended))
}
