import type { StepKind, StepState } from '../catalog.ts'

/** Slim on purpose: a run over a large account writes one row per asset, nearly all of them `keep`. */
export interface StepsTable {
  run: number
  asset_id: string
  kind: StepKind
  state: StepState
  why: string
  list_hash: string
  /** 0: kept for its transferred bytes only; the scan has not named the asset (again). */
  listed: number
  /** 1: the search index has told of the asset. Kept up for queued fetches only. */
  searched: number
  /** Row of `step_records`; null when there is nothing to record. */
  record: number | null
  object: string | null
  size: number | null
  md5: string | null
  proof: 'md5' | 'length' | null
  path: string | null
  path_key: string | null
  code: string | null
  reason: string | null
}
