/**
 * The data set: digits drawn by a pen that is never steady. Each sample is a digit's strokes, bent, leaned, turned, moved and
 * scaled by chance, drawn with a pen of some width on 12 x 12 pixels, with specks. The same seed draws the same digits.
 * It is made here and not downloaded, so that examples and tests need no network, and a drift can be real: another hand writes.
 */
import type { Random } from './random.ts'

/** Pixels to a side. */
export const side = 12
export const pixelsPerDigit = side * side
export const digitKinds = 10

/** How somebody writes. */
export type Hand = {
  /** How far the top leans to the right, in widths of the digit. */
  readonly lean: number
  /** Deviation of each point of a stroke, in widths of the digit. */
  readonly unsteadiness: number
  /** Width of the pen, in widths of the digit. */
  readonly penWidth: number
  /** Deviation of each pixel, 0..1. */
  readonly specks: number
  /** Share of 1, 2, 4, 7 and 9 that are written in another way: with a foot, a loop, closed, crossed, hooked. */
  readonly otherForms: number
}

/** A plain, upright hand. */
export const plainHand: Hand = { lean: 0, unsteadiness: 0.03, penWidth: 0.1, specks: 0.08, otherForms: 0 }

/** A drawing and what it shows. Pixels are 0..1, in steps of 1/255, row by row. */
export type Sample = { readonly pixels: Float32Array; readonly digit: number }

type Point = readonly [x: number, y: number]
type Stroke = readonly Point[]

/** Points on an ellipse. @param from to in turns, 0 = right, 0.25 = down */
function arc(x: number, y: number, width: number, height: number, from: number, to: number): Stroke {
  const points = 10
  return Array.from({ length: points + 1 }, (_, at) => {
    const angle = 2 * Math.PI * (from + ((to - from) * at) / points)
    return [x + width * Math.cos(angle), y + height * Math.sin(angle)] as const
  })
}

const upright: readonly (readonly Stroke[])[] = [
  [arc(0.5, 0.5, 0.3, 0.4, 0, 1)],
  [
    [
      [0.35, 0.25],
      [0.55, 0.1],
      [0.55, 0.9],
    ],
  ],
  [
    arc(0.5, 0.32, 0.27, 0.22, 0.5, 1.05),
    [
      [0.76, 0.38],
      [0.22, 0.9],
      [0.8, 0.9],
    ],
  ],
  [arc(0.45, 0.3, 0.28, 0.2, 0.55, 1.25), arc(0.45, 0.7, 0.3, 0.2, 0.75, 1.45)],
  [
    [
      [0.6, 0.1],
      [0.2, 0.62],
      [0.82, 0.62],
    ],
    [
      [0.65, 0.35],
      [0.65, 0.92],
    ],
  ],
  [
    [
      [0.75, 0.1],
      [0.3, 0.1],
      [0.27, 0.45],
    ],
    arc(0.46, 0.66, 0.28, 0.24, 0.65, 1.42),
  ],
  [
    [
      [0.65, 0.1],
      [0.35, 0.4],
      [0.24, 0.68],
    ],
    arc(0.5, 0.68, 0.26, 0.22, 0, 1),
  ],
  [
    [
      [0.2, 0.1],
      [0.8, 0.1],
      [0.42, 0.9],
    ],
  ],
  [arc(0.5, 0.3, 0.22, 0.19, 0, 1), arc(0.5, 0.7, 0.27, 0.21, 0, 1)],
  [
    arc(0.5, 0.33, 0.25, 0.22, 0, 1),
    [
      [0.75, 0.33],
      [0.66, 0.9],
    ],
  ],
]

const otherForms: Readonly<Record<number, readonly Stroke[]>> = {
  1: [
    [
      [0.3, 0.32],
      [0.52, 0.1],
      [0.52, 0.9],
    ],
    [
      [0.25, 0.9],
      [0.8, 0.9],
    ],
  ],
  2: [
    arc(0.5, 0.3, 0.26, 0.2, 0.5, 1.1),
    [
      [0.7, 0.42],
      [0.3, 0.82],
    ],
    arc(0.3, 0.8, 0.1, 0.1, 0, 1),
    [
      [0.38, 0.86],
      [0.84, 0.88],
    ],
  ],
  4: [
    [
      [0.62, 0.92],
      [0.62, 0.1],
      [0.2, 0.66],
      [0.85, 0.66],
    ],
  ],
  7: [
    [
      [0.2, 0.12],
      [0.8, 0.1],
      [0.42, 0.9],
    ],
    [
      [0.32, 0.5],
      [0.76, 0.5],
    ],
  ],
  9: [
    arc(0.48, 0.32, 0.25, 0.22, 0, 1),
    [
      [0.73, 0.32],
      [0.73, 0.72],
    ],
    arc(0.5, 0.72, 0.23, 0.18, 0, 0.42),
  ],
}

/** The strokes as this hand puts them down, in pixels. */
function written(strokes: readonly Stroke[], hand: Hand, random: Random): Stroke[] {
  const size = side * random.between(0.78, 0.95)
  const turn = 0.12 * random.normal()
  const lean = hand.lean + 0.06 * random.normal()
  const width = random.between(0.85, 1.1)
  const moved = [0.5 * side + 0.5 * random.normal(), 0.5 * side + 0.5 * random.normal()] as const
  return strokes.map((stroke) =>
    stroke.map(([x, y]) => {
      const down = y - 0.5 + hand.unsteadiness * random.normal()
      const right = width * (x - 0.5) - lean * down + hand.unsteadiness * random.normal()
      return [
        moved[0] + size * (right * Math.cos(turn) - down * Math.sin(turn)),
        moved[1] + size * (right * Math.sin(turn) + down * Math.cos(turn)),
      ] as const
    }),
  )
}

function distanceToLine(x: number, y: number, [ax, ay]: Point, [bx, by]: Point): number {
  const [dx, dy] = [bx - ax, by - ay]
  const length = dx * dx + dy * dy
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length))
  return Math.hypot(x - ax - along * dx, y - ay - along * dy)
}

function distanceTo(x: number, y: number, strokes: readonly Stroke[]): number {
  let nearest = Number.POSITIVE_INFINITY
  for (const stroke of strokes) {
    let from = stroke[0]
    for (const to of stroke) {
      if (from !== undefined) nearest = Math.min(nearest, distanceToLine(x, y, from, to))
      from = to
    }
  }
  return nearest
}

/** Draws a digit in a hand. */
export function draw(digit: number, hand: Hand, random: Random): Sample {
  const other = random.next() < hand.otherForms ? otherForms[digit] : undefined
  const strokes = written(other ?? upright[digit] ?? [], hand, random)
  const halfWidth = (hand.penWidth * side * random.between(0.8, 1.2)) / 2
  const pixels = new Float32Array(pixelsPerDigit)
  for (let at = 0; at < pixelsPerDigit; at++) {
    const distance = distanceTo((at % side) + 0.5, Math.floor(at / side) + 0.5, strokes)
    const ink = 1 - Math.max(0, distance - halfWidth) + hand.specks * random.normal()
    pixels[at] = Math.round(255 * Math.min(1, Math.max(0, ink))) / 255
  }
  return { pixels, digit }
}

/** Draws many. @param kinds digits to choose from, each as often as it is listed */
export function drawMany(count: number, hand: Hand, random: Random, kinds: readonly number[] = allKinds): Sample[] {
  return Array.from({ length: count }, () => draw(kinds[random.below(kinds.length)] ?? 0, hand, random))
}

const allKinds = Array.from({ length: digitKinds }, (_, digit) => digit)
