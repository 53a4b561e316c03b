/** Something in the configuration that cannot be used, or has no effect. */
export type Fault = {
  /** Where it stands: `enginescope.yaml:3`, `ENGINESCOPE_PORT`, `--port`. */
  readonly source: string
  /** What is wrong and what would be right. Never holds the value of a secret. */
  readonly message: string
}

/** `source: message`. */
export function faultText({ source, message }: Fault): string {
  return `${source}: ${message}`
}

/** The configuration cannot be used. A command that meets it leaves with 78, EX_CONFIG of sysexits.h. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super(faults.map(faultText).join('\n'))
    this.faults = faults
  }
}
