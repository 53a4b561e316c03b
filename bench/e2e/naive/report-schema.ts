/** The report as the naive service reads it. */
import { z } from 'zod'

const count = z.int().min(0)
const quantity = z.number().min(0)

export const reportSchema = z.object({
  namespace: z.string().default('default'),
  jobId: z.string().min(1).max(200),
  execId: z.string().min(1).max(200),
  taskType: z.string().default('generic'),
  attempt: z.int().min(1).default(1),
  seq: z.int().min(1).optional(),
  reportedAt: z.union([z.iso.datetime({ offset: true }), z.int().min(0)]).optional(),
  status: z.enum(['Inited', 'Scheduled', 'Running', 'Succeed', 'Failed', 'Cancelled', 'Timeout']),
  progress: z.number().min(0).max(1).optional(),
  progressInfo: z
    .array(z.object({ id: z.string(), totalTasks: count, runningTasks: count, failedTasks: count, succeedTasks: count }))
    .optional(),
  resourceMap: z
    .record(
      z.string(),
      z.object({
        queueMemory: quantity,
        queueCores: quantity,
        queueInstances: quantity,
        jobStatus: z.string(),
        queue: z.string(),
      }),
    )
    .optional(),
  usage: z.object({ cpuSeconds: quantity.optional(), memoryBytes: quantity.optional() }).optional(),
  engine: z.object({
    instance: z.string().min(1).max(200),
    engineType: z.string().default('unknown'),
    engineVersion: z.string().optional(),
    incarnation: z.string().optional(),
    ticketId: z.string().optional(),
    ecmInstance: z.string().optional(),
    node: z.string().optional(),
    user: z.string().optional(),
    creator: z.string().optional(),
    status: z.string().optional(),
  }),
  engineTaskCounts: z
    .object({ running: count, pending: count, succeeded: count, failed: count, limit: count })
    .partial()
    .optional(),
  algorithmMetrics: z.record(z.string(), z.number()).optional(),
  logs: z
    .array(
      z.object({
        ts: z.union([z.iso.datetime({ offset: true }), z.int()]).optional(),
        level: z.string().default('INFO'),
        line: z.string(),
      }),
    )
    .optional(),
})

export type Report = z.output<typeof reportSchema>
