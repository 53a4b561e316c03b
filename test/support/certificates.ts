/** Certificates made by openssl, valid for 127.0.0.1. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Without it there are no certificates to test with. */
export const hasOpenssl = spawnSync('openssl', ['version']).status === 0

export type Certificates = {
  readonly folder: string
  /** Makes `<name>.key` and `<name>.pem`; signed by `signer`, or by itself. */
  readonly issue: (name: string, signer?: string) => void
  readonly path: (file: string) => string
  readonly pem: (file: string) => Buffer
  readonly remove: () => void
}

/** A folder of keys and certificates. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'enginescope-tls-'))
  const path = (file: string) => join(folder, file)
  return {
    folder,
    path,
    issue: (name, signer) => {
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`]
      const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2', '-out', `${name}.pem`]
      const signed = signer === undefined ? [] : ['-CA', `${signer}.pem`, '-CAkey', `${signer}.key`]
      execFileSync('openssl', ['req', '-x509', ...key, ...subject, ...signed], { cwd: folder, stdio: 'ignore' })
    },
    pem: (file) => readFileSync(path(file)),
    remove: () => rmSync(folder, { recursive: true }),
  }
}
