/** JSON Schemas of what the API answers. A test holds them and real answers together. */

import type { Schema } from '../http/schema-parts.ts'
import { answerSchemas } from './answer-schemas.ts'
import { engineSchemas } from './engine-schemas.ts'
import { jobSchemas } from './job-schemas.ts'
import { runtimeSchemas } from './runtime-schemas.ts'

/** Every schema by name. */
export const schemas: Readonly<Record<string, Schema>> = {
  ...jobSchemas,
  ...engineSchemas,
  ...runtimeSchemas,
  ...answerSchemas,
}
