/** The work of one step: nothing, so that what is measured is everything around it. */
export async function run({ input }) {
  return Object.values(input)[0] ?? {}
}
