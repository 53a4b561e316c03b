import { connect } from 'node:net'

/**
 * Sends bytes as they are.
 * @param more may send further ones, and is told whether the connection takes more at once
 * @returns all that comes until the other side closes, or until the time is over
 */
export function rawHttp(
  port: number,
  bytes: string | Uint8Array,
  waitMs = 3_000,
  more?: (write: (bytes: string | Uint8Array) => boolean) => void,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    const timer = setTimeout(() => socket.destroy(), waitMs)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(text)
    })
    socket.write(bytes)
    more?.((part) => !socket.destroyed && socket.write(part))
  })
}
