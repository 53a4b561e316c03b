/** The keys of Loki 3.7 that loki/loki.yaml may hold. Strict: Loki refuses to start over a key it does not know. */
const hours = { type: 'string', pattern: '^[1-9]\\d*h$' } as const
const megabytes = { type: 'string', pattern: '^\\d+MB$' } as const
const folder = { type: 'string', pattern: '^/loki(/|$)' } as const
const count = { type: 'integer', minimum: 1 } as const

function only(properties: Readonly<Record<string, unknown>>) {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false }
}

export const lokiSchema = only({
  auth_enabled: { const: false },
  server: only({ http_listen_port: { const: 3100 }, log_level: { enum: ['debug', 'info', 'warn', 'error'] } }),
  common: only({
    instance_addr: { const: '127.0.0.1' },
    path_prefix: { const: '/loki' },
    replication_factor: { const: 1 },
    ring: only({ kvstore: only({ store: { const: 'inmemory' } }) }),
    storage: only({ filesystem: only({ chunks_directory: folder, rules_directory: folder }) }),
  }),
  schema_config: only({
    configs: {
      type: 'array',
      minItems: 1,
      items: only({
        from: { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}$' },
        store: { const: 'tsdb' },
        object_store: { const: 'filesystem' },
        schema: { const: 'v13' },
        index: only({ prefix: { type: 'string' }, period: { const: '24h' } }),
      }),
    },
  }),
  compactor: only({
    working_directory: folder,
    retention_enabled: { const: true },
    delete_request_store: { const: 'filesystem' },
  }),
  limits_config: only({
    retention_period: hours,
    allow_structured_metadata: { const: true },
    discover_service_name: { const: [] },
    discover_log_levels: { const: false },
    reject_old_samples: { const: true },
    reject_old_samples_max_age: hours,
    ingestion_rate_mb: count,
    ingestion_burst_size_mb: count,
    per_stream_rate_limit: megabytes,
    per_stream_rate_limit_burst: megabytes,
    max_global_streams_per_user: count,
    max_entries_limit_per_query: count,
  }),
  analytics: only({ reporting_enabled: { const: false } }),
})
