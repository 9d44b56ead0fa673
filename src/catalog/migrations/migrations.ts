import { initial } from './0001-initial.ts'
import { history } from './0002-history.ts'
import type { Migration } from './flavour.ts'

/** In order; the schema version of a catalog is how many of them it has seen. Frozen once released. */
export const MIGRATIONS: readonly Migration[] = [initial, history]
