import type { Flavour, Migration } from './flavour.ts'

/** Versions beside the snapshots, and what was purged. */
export const history: Migration = {
  name: '0002-history',
  up: (flavour) => [...columns(flavour), ...tables(flavour), ...indexes],
}

const columns = ({ text, integer }: Flavour): string[] =>
  [
    `origin ${text} not null default 'snapshot'`,
    `record ${integer}`,
    `since ${text}`,
    `until ${text}`,
    `version_id ${text}`,
    `purged_at ${text}`,
    `purged_reason ${text}`,
  ].map((column) => `alter table versions add column ${column}`)

const tables = ({ id, text, integer, clustered }: Flavour): string[] => [
  `create table records (
    id ${id}, account_id ${integer} not null references accounts, key ${text} not null, unique (account_id, key))`,
  `create table purged (
    account_id ${integer} not null references accounts, asset_id ${text} not null, version ${text} not null,
    record ${integer} not null, at ${text} not null, reason ${text} not null,
    primary key (account_id, asset_id, version, record)) ${clustered}`,
]

const indexes = [
  'create index versions_record on versions (record) where record is not null',
  // Eight digits tell objects apart well enough, in a quarter of the space.
  'create index versions_object on versions (account_id, (substr(object, 1, 8))) where object is not null',
]
