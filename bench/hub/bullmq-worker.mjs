/** One worker process of the peer: takes jobs of its queue and adds the next step, if there is one. */
import { Queue, Worker } from 'bullmq'

const [port, name, next, concurrency] = process.argv.slice(2)
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null }
const queue = next === '' ? undefined : new Queue(next, { connection })
const work = async (job) => {
  if (queue !== undefined) await queue.add('step', job.data, { jobId: job.id })
}
const worker = new Worker(name, work, { connection, concurrency: Number(concurrency) })
worker.on('error', () => undefined)
await worker.waitUntilReady()
console.log('ready')
