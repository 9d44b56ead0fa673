import { afterEach, beforeEach, describe, it } from 'vitest'
import type { Catalog } from '../../src/catalog/catalog.ts'
import { besides, gone, purges } from './catalog-besides.ts'
import { history } from './catalog-history.ts'
import { laws } from './catalog-laws.ts'
import { looking } from './catalog-looking.ts'
import { paths } from './catalog-paths.ts'
import { removal } from './catalog-removal.ts'
import { runs } from './catalog-runs.ts'
import { steps } from './catalog-steps.ts'
import { transactions } from './catalog-transactions.ts'

/** What a catalog's test gives the suite: a new, empty catalog each time, and a way to take it down. */
export interface CatalogUnderTest {
  readonly catalog: Catalog
  /** After the catalog was closed. */
  remove(): Promise<void>
}

export type CatalogTest = (title: string, run: (catalog: Catalog) => Promise<void>) => void

/** What every catalog must do, whatever database it lives in. */
export const catalogContract = (name: string, make: () => Promise<CatalogUnderTest>): void => {
  let current: CatalogUnderTest
  const test: CatalogTest = (title, run) => it(title, () => run(current.catalog))
  describe(`${name} keeps the catalog contract`, () => {
    beforeEach(async () => {
      current = await make()
    })
    afterEach(async () => {
      await current.catalog.close()
      await current.remove()
    })
    describe('transactions', () => transactions(test))
    describe('history', () => history(test))
    describe('looking things up', () => looking(test))
    describe('versions beside the snapshots', () => besides(test))
    describe('gone assets', () => gone(test))
    describe('purges', () => purges(test))
    describe('runs', () => runs(test))
    describe('steps', () => steps(test))
    describe('paths', () => paths(test))
  })
  describe(`${name} obeys the laws of history`, () => {
    laws(make)
    removal(make)
  })
}
