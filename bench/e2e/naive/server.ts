/**
 * The service one would write in an afternoon, and write well: Express, zod, ioredis, prom-client. It answers when Redis has
 * everything. It knows no order of reports, no repeats, no limits, no auth; it is here to be compared with.
 */
import express from 'express'
import { Redis } from 'ioredis'
import { Counter, collectDefaultMetrics, Registry } from 'prom-client'
import { createGauges } from './gauges.ts'
import { type Report, reportSchema } from './report-schema.ts'
import { storeReports } from './store.ts'

const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379')
const registry = new Registry()
collectDefaultMetrics({ register: registry })
const reportsTotal = new Counter({
  name: 'naive_reports_total',
  help: 'Reports by what became of them.',
  labelNames: ['outcome'],
  registers: [registry],
})
const show = createGauges(registry)

type Rejection = { readonly index: number; readonly message: string }

const app = express()
app.use(express.json({ limit: '4mb' }))

app.post('/api/v1/reports', async (request, response) => {
  const items: unknown[] = Array.isArray(request.body) ? request.body : [request.body]
  const reports: Report[] = []
  const rejected: Rejection[] = []
  for (const [index, item] of items.entries()) {
    const parsed = reportSchema.safeParse(item)
    if (parsed.success) reports.push(parsed.data)
    else rejected.push({ index, message: parsed.error.message })
  }
  if (reports.length > 0) await storeReports(redis, reports)
  for (const report of reports) show(report)
  reportsTotal.inc({ outcome: 'accepted' }, reports.length)
  reportsTotal.inc({ outcome: 'rejected' }, rejected.length)
  response.status(reports.length === 0 ? 400 : 200).json({ accepted: reports.length, rejected })
})

app.get('/metrics', async (_request, response) => {
  response.type(registry.contentType).send(await registry.metrics())
})

const server = app.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () => console.log('ready'))

process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
  redis.disconnect()
})
