import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Answer, Order } from './messages.ts'

const tasksPerWorker = 2

/** Worker processes that share a list of orders. */
export type Crew = {
  /** Has all orders done. @throws when one fails or a worker is gone */
  readonly work: (orders: readonly Order[], onChange: (counts: { running: number; done: number }) => void) => Promise<Answer[]>
  /** Lets the workers send what is left and go. */
  readonly dismiss: () => Promise<void>
  readonly kill: () => void
}

type Worker = {
  readonly process: ChildProcess
  readonly exited: Promise<void>
  readonly answers: Map<string, (answer: Answer) => void>
}

function hire(args: readonly string[]): Worker {
  const child = fork(fileURLToPath(new URL('worker.js', import.meta.url)), args)
  const answers: Worker['answers'] = new Map()
  child.on('message', (answer: Answer) => {
    answers.get(answer.id)?.(answer)
    answers.delete(answer.id)
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  void exited.then(() => {
    for (const [id, answered] of answers) answered({ kind: 'failed', id, message: 'the worker is gone' })
  })
  return { process: child, exited, answers }
}

function give(worker: Worker, order: Order): Promise<Answer> {
  return new Promise((resolve) => {
    worker.answers.set(order.id, resolve)
    worker.process.send(order)
  })
}

/** Starts the workers. @param argsOf the arguments of each */
export function hireCrew(size: number, argsOf: (number: number) => readonly string[]): Crew {
  const workers = Array.from({ length: size }, (_, index) => hire(argsOf(index + 1)))
  return {
    work: async (orders, onChange) => {
      const queue = [...orders]
      const done: Answer[] = []
      let running = 0
      // Each worker takes the next order when it has finished one: the quick ones do more.
      const serve = async (worker: Worker) => {
        for (let order = queue.shift(); order !== undefined; order = queue.shift()) {
          running++
          onChange({ running, done: done.length })
          const answer = await give(worker, order)
          running--
          if (answer.kind === 'failed') throw new Error(`${answer.id}: ${answer.message}`)
          done.push(answer)
          onChange({ running, done: done.length })
        }
      }
      await Promise.all(workers.flatMap((worker) => Array.from({ length: tasksPerWorker }, () => serve(worker))))
      return done
    },
    dismiss: async () => {
      for (const { process: child } of workers) if (child.connected) child.disconnect()
      await Promise.all(workers.map(({ exited }) => exited))
    },
    kill: () => {
      for (const { process: child } of workers) child.kill('SIGTERM')
    },
  }
}
