import type { Flavour, Migration } from './flavour.ts'

export const initial: Migration = {
  name: '0001-initial',
  up: (flavour) => [...kept(flavour), ...versions(flavour), ...runs(flavour), ...steps(flavour)],
}

const kept = ({ id, text, integer }: Flavour): string[] => [
  `create table accounts (id ${id}, cloud ${text} not null unique)`,
  `create table snapshots (
    account_id ${integer} not null references accounts, seq ${integer} not null, snapshot_id ${text} not null,
    key ${text} not null, complete ${integer} not null, head ${text} not null, damage ${text},
    primary key (account_id, seq), unique (account_id, snapshot_id))`,
  `create table partitions (
    account_id ${integer} not null references accounts, resource_type ${text} not null, type ${text} not null,
    assets ${integer} not null, bytes ${integer} not null,
    primary key (account_id, resource_type, type))`,
  `create table change_counts (
    account_id ${integer} not null references accounts, seq ${integer} not null, change ${text} not null,
    count ${integer} not null, primary key (account_id, seq, change))`,
  `create table failures (
    snapshot_id ${text} not null, position ${integer} not null, asset_id ${text} not null, public_id ${text} not null,
    resource_type ${text} not null, type ${text} not null, code ${text} not null, reason ${text} not null,
    primary key (snapshot_id, position))`,
]

const versions = ({ id, text, integer }: Flavour): string[] => [
  `create table versions (
    id ${id}, account_id ${integer} not null references accounts,
    asset_id ${text} not null, version ${text} not null, public_id ${text} not null,
    resource_type ${text} not null, type ${text} not null, cld_version ${integer} not null,
    etag ${text}, bytes ${integer}, object ${text}, size ${integer}, md5 ${text}, proof ${text},
    folder ${text}, display_name ${text}, updated_at ${text}, list_hash ${text} not null,
    path ${text}, path_key ${text}, has_details ${integer} not null,
    format ${text}, width ${integer}, height ${integer}, duration double precision,
    created_at ${text}, uploaded_at ${text}, tags ${text} not null, captured_at ${text} not null,
    change ${text} not null, from_seq ${integer} not null, until_seq ${integer})`,
  'create unique index versions_current on versions (account_id, asset_id) where until_seq is null',
  'create unique index versions_asset on versions (account_id, asset_id, from_seq)',
  'create index versions_public_id on versions (account_id, public_id, asset_id)',
  'create index versions_path on versions (account_id, path_key) where path_key is not null',
  `create index versions_without_details on versions (account_id, asset_id)
    where until_seq is null and has_details = 0 and object is not null`,
  'create index versions_from on versions (account_id, from_seq)',
  'create index versions_until on versions (account_id, until_seq) where until_seq is not null',
]

const runs = ({ id, text, integer, clustered }: Flavour): string[] => [
  `create table runs (
    id ${id}, run_id ${text} not null unique, cloud ${text} not null, command ${text} not null,
    started_at ${text} not null, finished_at ${text}, status ${text} not null, snapshot_id ${text}, totals ${text},
    api_calls ${integer} not null, message ${text}, swept ${integer} not null)`,
  'create index runs_open on runs (cloud) where finished_at is null',
  'create index runs_unswept on runs (id) where swept = 0',
  `create table scan_states (
    run ${integer} not null, source ${text} not null, cursor ${text}, since ${text}, rows ${integer} not null,
    done ${integer} not null, saved_at ${text} not null, primary key (run, source)) ${clustered}`,
  `create table search_marks (
    run ${integer} not null, asset_id ${text} not null, etag ${text}, updated_at ${text}, record ${integer},
    primary key (run, asset_id)) ${clustered}`,
  `create table search_records (id ${id}, run ${integer} not null, raw ${text} not null)`,
  'create index search_records_run on search_records (run)',
  `create table run_gone (
    run ${integer} not null, asset_id ${text} not null, primary key (run, asset_id)) ${clustered}`,
]

const steps = ({ id, text, integer, clustered }: Flavour): string[] => [
  `create table steps (
    run ${integer} not null, asset_id ${text} not null, kind ${text} not null, state ${text} not null,
    why ${text} not null, list_hash ${text} not null, listed ${integer} not null, searched ${integer} not null,
    record ${integer}, object ${text}, size ${integer}, md5 ${text}, proof ${text}, path ${text}, path_key ${text},
    code ${text}, reason ${text}, primary key (run, asset_id)) ${clustered}`,
  `create index steps_queue on steps (run, searched, asset_id) where kind = 'fetch' and state = 'queued' and listed = 1`,
  `create index steps_written on steps (run, asset_id)
    where state = 'done' and kind in ('fetch', 'relabel', 'rename', 'record') and listed = 1`,
  `create index steps_failed on steps (run, asset_id) where state = 'failed' and listed = 1`,
  'create index steps_path on steps (run, path_key) where path_key is not null',
  `create table step_records (id ${id}, run ${integer} not null, list_raw ${text}, details_raw ${text})`,
  'create index step_records_run on step_records (run)',
]
