import { homedir } from 'node:os'
import { parseRule, RULE_PATTERN } from '../backup/rules.ts'
import { BYTE_SIZE_PATTERN } from '../lib/byte-size.ts'
import { TIMETABLE_PATTERN } from '../lib/timetable.ts'
import { checkCloudName } from './credentials.ts'
import { retentionShape } from './retention.ts'
import { choice, count, flag, list, named, object, parsed, scalar, text } from './shape.ts'
import {
  parseBandwidth,
  parseCount,
  parseDuration,
  parseHost,
  parseHosts,
  parseHttpUrl,
  parseProxyUrl,
  parseScratch,
} from './values.ts'
import { parseVaultLocation } from './vault-location.ts'

/*
 * Every key of the config file. The reader and the JSON Schema for editors are both made of this table, and
 * docs/configuration.md explains it.
 */

const NAME = { pattern: '[A-Za-z0-9][A-Za-z0-9._-]*', wanted: 'a name of letters, digits, dots, - and _' }
const HTTP_URL = 'https?://[^\\s?#]+'
const HOST = '(?:https?://)?[^\\s/]+/*'
const TIME = '[0-9]+(?:\\.[0-9]+)?\\s*(?:ms|s|m|h)?'

const mayBeEmpty = true

const timeout = (describe: string) =>
  scalar(
    {
      describe,
      wanted: 'a time such as 500ms, 30s or 2m',
      pattern: TIME,
      mayBeEmpty,
      number: { integer: false, min: 0.001 },
    },
    parseDuration,
  )

const rule = parsed(
  {
    describe: 'A pattern for public_ids, or field:pattern. As for --include and --exclude.',
    wanted: 'a rule',
    pattern: RULE_PATTERN,
  },
  // Only whether it can be understood: what an age is measured against is known when a run begins.
  (rule) => parseRule(rule, { now: new Date(0) }).text,
)

const rules = {
  include: list('Keep only what one of these rules names.', rule),
  exclude: list('Leave out what one of these rules names.', rule),
  overrides: list(
    'What holds for single assets, whatever the rules say.',
    object(
      'A decision about one asset.',
      {
        asset: text({
          describe: 'An asset_id, resource_type/type/public_id, or a public_id.',
          wanted: 'an asset_id, resource_type/type/public_id, or a public_id',
        }),
        backup: flag('Keep it (true) or leave it out (false).'),
      },
      ['asset', 'backup'],
    ),
  ),
}

/** Settings that belong to an account and may also stand at the top, for all of them. */
const accountSettings = {
  cloud: text(
    { describe: 'The cloud name of the account.', wanted: 'a cloud name', pattern: '[A-Za-z0-9_-]+', mayBeEmpty },
    ({ value, origin }) => checkCloudName(value, origin),
  ),
  uploadPrefix: text(
    {
      describe: 'Base of the Admin and Upload APIs, such as https://api-eu.cloudinary.com.',
      wanted: 'a plain http:// or https:// address',
      pattern: HTTP_URL,
      mayBeEmpty,
    },
    parseHttpUrl,
  ),
  secureDistribution: text(
    {
      describe: 'Host of secure delivery, when the account has its own.',
      wanted: 'a host name',
      pattern: HOST,
      mayBeEmpty,
    },
    parseHost,
  ),
  cname: text(
    { describe: 'A private CNAME of the account.', wanted: 'a host name', pattern: HOST, mayBeEmpty },
    parseHost,
  ),
  privateCdn: flag('Whether the account has a private CDN.'),
  deliveryHosts: list(
    'Hosts, besides Cloudinary’s, from which originals may be fetched.',
    text({ describe: 'A host, perhaps with a port.', wanted: 'a host name', mayBeEmpty }, parseHosts),
  ),
  concurrency: scalar(
    {
      describe: 'Transfers at a time, at most.',
      wanted: 'a whole number from 1 to 256',
      pattern: '[0-9]+',
      mayBeEmpty,
      number: { integer: true, min: 1, max: 256 },
    },
    (given) => parseCount(given, { min: 1, max: 256 }),
  ),
  bwlimit: scalar(
    {
      describe:
        'Bytes a second for all downloads together: a rate (512K, 10M, off), or a timetable in local time such as "08:00,2M 19:00,off" or "Mon-08:00,1M Fri-18:00,off".',
      wanted: 'a rate or a timetable',
      pattern: TIMETABLE_PATTERN,
      mayBeEmpty,
      number: { integer: false, min: 0 },
    },
    parseBandwidth,
  ),
  apiReserve: scalar(
    {
      describe: 'Admin API calls an hour to leave for others.',
      wanted: 'a whole number from 0 to 1000000',
      pattern: '[0-9]+',
      mayBeEmpty,
      number: { integer: true, min: 0, max: 1_000_000 },
    },
    (given) => parseCount(given, { min: 0, max: 1_000_000 }),
  ),
}

const account = object('One Cloudinary account (product environment).', {
  credentials: text({
    describe:
      'The name of an environment variable (also of .env) that holds cloudinary://KEY:SECRET@CLOUD; NAME_FILE, a file that holds it, is read too. Never the secret itself.',
    wanted: 'the name of an environment variable',
    pattern: '[A-Za-z_][A-Za-z0-9_]*',
  }),
  vault: text({ describe: 'A name of vaults.', wanted: 'a name of vaults', pattern: NAME.pattern }),
  ...rules,
  ...accountSettings,
})

const vault = object(
  'A place for a vault.',
  {
    url: text(
      {
        describe:
          'A folder, s3://bucket/prefix?region=…, gs://bucket/prefix, or az://container/prefix. A relative folder starts at this file.',
        wanted: 'a folder or the URL of a bucket',
      },
      // Where relative paths begin matters later only.
      (given) => parseVaultLocation(given, { cwd: '/', home: homedir() }),
    ),
    retention: retentionShape,
    copies: list(
      'Names of vaults that `cloudkeep copy` brings everything to.',
      text({ describe: 'A name of vaults.', wanted: 'a name of vaults', pattern: NAME.pattern }),
    ),
    lock: object(
      'Protect what is written for so long; as lock and lock-days in the URL of a bucket.',
      {
        mode: choice('governance: somebody with a special right can end it earlier; compliance: nobody can.', [
          'governance',
          'compliance',
        ]),
        days: count('Days from the moment of writing on.', { min: 1, max: 36_500 }),
      },
      ['mode', 'days'],
    ),
  },
  ['url'],
)

export const fileShape = object('Settings of Cloudkeep. Holds no secret.', {
  $schema: text({ describe: 'Where editors find the schema of this file.', wanted: 'a text', mayBeEmpty }),
  vault: text({
    describe: 'Where the vault is: a name of vaults, a folder, or the URL of a bucket.',
    wanted: 'a text',
    mayBeEmpty,
  }),
  vaults: named('Places for vaults, by name.', NAME, vault),
  account: text({
    describe: 'The account that is meant when nobody names one: a name of accounts.',
    wanted: 'a name of accounts',
    mayBeEmpty,
  }),
  accounts: named('Accounts, by name.', NAME, account),
  ...accountSettings,
  ...rules,
  wait: flag('Wait at the hourly API limit; false: end with exit code 13.'),
  proxy: text(
    { describe: 'URL of an HTTP proxy.', wanted: 'the http:// or https:// address of a proxy', mayBeEmpty },
    parseProxyUrl,
  ),
  allowCopies: flag('Fill the library with copies on a disk that knows neither hard links nor clones.'),
  immutable: flag(
    'Give the files of a vault on a disk the immutable flag after each backup; needs root on Linux. See docs/protection.md.',
  ),
  scratch: scalar(
    {
      describe: 'Bytes on disk for bodies on their way, together: such as 512M or 4G.',
      wanted: 'a size of at least 64M, such as 512M, 4G or 1.5T',
      pattern: BYTE_SIZE_PATTERN,
      mayBeEmpty,
      number: { integer: true, min: 64 * 1024 ** 2 },
    },
    parseScratch,
  ),
  cache: text({
    describe: 'Folder for what this machine remembers of vaults that are far away; may be deleted at any time.',
    wanted: 'a folder',
    mayBeEmpty,
  }),
  connectTimeout: timeout('Time to connect.'),
  headersTimeout: timeout('Time until the headers of an answer are there.'),
  idleTimeout: timeout('Time between two pieces of a body.'),
  retention: retentionShape,
})

export type FileValues = ReturnType<typeof fileShape.read>
export type FileAccount = NonNullable<ReturnType<NonNullable<FileValues['accounts']>['get']>>
export type FileVault = NonNullable<ReturnType<NonNullable<FileValues['vaults']>['get']>>
