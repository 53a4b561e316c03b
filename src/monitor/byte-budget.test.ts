import { expect, test } from 'vitest'
import { ByteBudget } from './byte-budget.ts'

test('those under way have equal shares, and never more together than there is', () => {
  const budget = new ByteBudget(800, 4)
  expect(Array.from({ length: 5 }, () => budget.reserve(9))).toEqual([200, 200, 200, 200, 0])
})

test('who is alone may have everything', () => {
  expect(new ByteBudget(800, 4).reserve(1)).toBe(800)
})

test('what was not needed goes to those who come later; what was is gone', () => {
  const budget = new ByteBudget(800, 4)
  for (let i = 0; i < 4; i++) budget.reserve(9)
  budget.settle(200, 200)
  expect(budget.reserve(5)).toBe(0)
  budget.settle(200, 40)
  expect(budget.reserve(5)).toBe(80)
  budget.settle(80, 80)
  budget.settle(200, 0)
  budget.settle(200, 0)
  expect(budget.reserve(1)).toBe(480)
})

test('what is too little to be of use is not given out', () => {
  const budget = new ByteBudget(800, 4)
  budget.settle(budget.reserve(1), 760)
  expect(budget.reserve(1)).toBe(0)
})
