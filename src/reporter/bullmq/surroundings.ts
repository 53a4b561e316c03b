const defaultUrl = 'http://127.0.0.1:7717'

/** Address and token as the options say, else as the environment does, as of `enginescope report`. */
export function aggregatorFrom(options: { url?: string | undefined; token?: string | undefined }): {
  url: string
  token: string | undefined
} {
  // biome-ignore lint/style/noProcessEnv: this runs in the engine's process, where there is no main.ts of ours to hand it in.
  const { ENGINESCOPE_URL, ENGINESCOPE_TOKEN } = process.env
  return { url: options.url ?? (ENGINESCOPE_URL || defaultUrl), token: options.token ?? (ENGINESCOPE_TOKEN || undefined) }
}
