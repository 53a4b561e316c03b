import { readFile, rename, writeFile } from 'node:fs/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { pixelsPerDigit, type Sample } from './digits.ts'
import { Network } from './network.ts'

/** Parameters as text, for files and requests. */
export function encodeParameters(parameters: Float32Array): string {
  return Buffer.from(parameters.buffer, parameters.byteOffset, parameters.byteLength).toString('base64')
}

/** @throws when the text holds another number of parameters */
export function decodeParameters(text: string, length: number): Float32Array {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== 4 * length) throw new Error(`there are ${bytes.length / 4} parameters and not ${length}`)
  const parameters = new Float32Array(length)
  for (let at = 0; at < length; at++) parameters[at] = bytes.readFloatLE(4 * at)
  return parameters
}

/** Writes a file as a whole or not at all. */
async function write(path: string, value: unknown): Promise<void> {
  await writeFile(`${path}.part`, JSON.stringify(value))
  await rename(`${path}.part`, path)
}

/** Keeps a network in a file. @returns its `file:` URL */
export async function saveNetwork(network: Network, path: string): Promise<string> {
  await write(path, { shape: network.shape, parameters: encodeParameters(network.parameters) })
  return pathToFileURL(path).href
}

/** @throws when the file is missing or holds no network */
export async function loadNetwork(url: string): Promise<Network> {
  const kept: { shape: number[]; parameters: string } = JSON.parse(await readFile(fileURLToPath(url), 'utf8'))
  const network = new Network(kept.shape)
  network.parameters.set(decodeParameters(kept.parameters, network.parameters.length))
  return network
}

/** Keeps samples in a file: one byte a pixel loses nothing, a drawing has no finer steps. */
export async function saveSamples(samples: readonly Sample[], path: string): Promise<void> {
  const bytes = Uint8Array.from(samples.flatMap(({ pixels }) => [...pixels].map((pixel) => Math.round(255 * pixel))))
  await write(path, { digits: samples.map(({ digit }) => digit), pixels: Buffer.from(bytes).toString('base64') })
}

/** @throws when the file is missing */
export async function loadSamples(path: string): Promise<Sample[]> {
  const kept: { digits: number[]; pixels: string } = JSON.parse(await readFile(path, 'utf8'))
  const bytes = Buffer.from(kept.pixels, 'base64')
  return kept.digits.map((digit, index) => ({
    digit,
    pixels: Float32Array.from(bytes.subarray(index * pixelsPerDigit, (index + 1) * pixelsPerDigit), (byte) => byte / 255),
  }))
}
