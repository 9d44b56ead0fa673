import { formatBytes, formatCount, formatDuration, plural, safe } from './format.ts'
import { quoteWord } from './path-shown.ts'

/**
 * What the run-book needs to know. Everything about time is measured where a number is given and assumed where it is
 * null, and the text says which. Holds no secret, because the text is to be printed.
 */
export interface RunbookFacts {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** `cloudkeep <version>` */
  readonly tool: string
  readonly vault: {
    /** Absolute, or the whole URL: whoever reads this does not know where it was printed. */
    readonly path: string
    readonly isBucket: boolean
    /** Who can open it; null when it is not encrypted. */
    readonly encryption: { readonly owners: readonly string[]; readonly passphrases: number } | null
    readonly id: string
    /** The machine on which it was printed. */
    readonly host: string
  }
  readonly accounts: readonly RunbookAccount[]
}

export interface RunbookAccount {
  readonly cloud: string
  /** The newest complete snapshot; null when there is none. */
  readonly complete: RunbookSnapshot | null
  /** The newest snapshot, when it is another one. */
  readonly newer: RunbookSnapshot | null
  /** Assets that the newest snapshot could not keep. */
  readonly failed: number
  /** Versions purged on purpose. */
  readonly purged: number
  /** One sentence a thing that keeps the snapshot from being restored; empty when nothing does. */
  readonly obstacles: readonly string[]
  /** When every byte was last read back, ISO-8601. */
  readonly everyByteReadAt: string | null
  readonly lastDrill: {
    readonly at: string
    readonly restored: number
    readonly failed: number
    /** A folder, or a throw-away account. */
    readonly toFolder: boolean
    readonly bytesPerSecond: number | null
  } | null
  /** How fast the last backup that fetched something did so. */
  readonly downloadBytesPerSecond: number | null
  /** Admin API calls an hour that the account grants; null: not known. */
  readonly adminCallsPerHour: number | null
}

interface RunbookSnapshot {
  readonly id: string
  readonly takenAt: string
  readonly assets: number
  readonly bytes: number
}

/** A slow disk; a plain line; and what a free account grants. */
const ASSUMED = { folderBytes: 50e6, uploadBytes: 5e6, uploadsAtOnce: 8, secondsAnUpload: 0.5, callsPerHour: 500 }
/** A part of the quota is left for the account's own site. */
const SHARE_OF_CALLS = 0.9

/**
 * What to do on the day on which the account is gone: Markdown, good enough to print and put in a drawer. For
 * `status --runbook`, which prints the lines as they are.
 */
export function renderRunbook(facts: RunbookFacts): string[] {
  const { vault, accounts, tool, now } = facts
  return [
    '# Run-book: getting the Cloudinary accounts back',
    '',
    `Printed ${utc(new Date(now).toISOString())} by ${safe(tool)}. Print it again after every change of people, machines or accounts.`,
    '',
    '| | |',
    '| --- | --- |',
    `| vault | \`${inCode(vault.path)}\`${vault.isBucket ? '' : ` on ${inCell(vault.host)}`} |`,
    `| its id | \`${inCode(vault.id)}\` (in \`cloudkeep.json\`) |`,
    `| accounts | ${accounts.map(({ cloud }) => inCell(cloud)).join(', ') || 'none yet'} |`,
    ...keyRows(vault),
    '| a second copy | ____________________________ |',
    '| who decides to restore | ____________________________ |',
    '| who has the keys | ____________________________ |',
    '| Cloudinary support | https://support.cloudinary.com, account number ________________ |',
    '',
    ...beforeAnything(),
    ...(accounts.length === 0
      ? [
          '## Nothing can be restored yet',
          '',
          'The vault holds no snapshot. `cloudkeep backup` makes the first one.',
          '',
        ]
      : accounts.flatMap((account) => accountLines(account, vault.path))),
    ...credentialLines(),
    ...withoutCloudkeep(vault),
    ...cannotComeBack(),
  ]
}

const keyRows = ({ encryption, isBucket }: RunbookFacts['vault']): string[] => [
  ...(isBucket ? ['| who has the credentials of the bucket | ____________________________ |'] : []),
  ...(encryption === null
    ? []
    : [
        `| **encrypted**, opens to | ${[
          ...encryption.owners.map((owner) => `\`${inCode(owner)}\``),
          ...(encryption.passphrases > 0 ? [plural(encryption.passphrases, 'passphrase')] : []),
        ].join(', ')} |`,
        '| where those keys are | ____________________________ (without one of them nothing can be read, by nobody) |',
      ]),
]

const beforeAnything = (): string[] => [
  '## Before anything else',
  '',
  '1. Stop the timer or cron job that runs `cloudkeep backup`, so that nothing is decided by a machine meanwhile. (A',
  '   backup never removes what is kept, and its guard stops at an implausible change; this is to keep things calm.)',
  '2. Do not copy, move or clean up anything in the vault. Work on it as it is, or on a copy made with `cloudkeep copy`.',
  '3. If somebody broke in, revoke the API keys in the Cloudinary console first, and make new ones.',
  '4. Look: `cloudkeep status`, then `cloudkeep verify`.',
  '',
]

function accountLines(account: RunbookAccount, path: string): string[] {
  const { cloud, complete, newer } = account
  const title = [`## The account ${safe(cloud)}`, '']
  if (complete === null) {
    const partial =
      newer === null
        ? 'There is no snapshot of it.'
        : 'Only partial snapshots of it exist; what they hold can be restored.'
    if (newer === null) return [...title, partial, '']
    return [...title, partial, '', ...commands(account, newer, path)]
  }
  return [...title, ...stateLines(account, complete), ...commands(account, complete, path)]
}

function stateLines(account: RunbookAccount, complete: RunbookSnapshot): string[] {
  const { newer, failed, purged, obstacles, everyByteReadAt, lastDrill } = account
  const lines = [
    `- last complete snapshot: \`${complete.id}\`, ${utc(complete.takenAt)}, ${plural(complete.assets, 'asset')}, ${formatBytes(complete.bytes)}`,
  ]
  if (newer !== null) {
    const why = failed > 0 ? `${plural(failed, 'asset')} could not be kept` : 'it is not complete'
    lines.push(`- a newer one, \`${newer.id}\` of ${utc(newer.takenAt)}, is partial: ${why}`)
  }
  lines.push(
    everyByteReadAt === null
      ? '- not every byte of it has been read back yet: `cloudkeep verify --read all`'
      : `- every byte was last read back ${utc(everyByteReadAt)}`,
    lastDrill === null
      ? '- a restore was never rehearsed: `cloudkeep drill`'
      : `- last rehearsed ${utc(lastDrill.at)}: ${plural(lastDrill.restored, 'asset')} restored ${lastDrill.toFolder ? 'to a folder' : 'to an account'}, ${formatCount(lastDrill.failed)} failed`,
  )
  if (purged > 0) lines.push(`- ${plural(purged, 'version')} purged on purpose; their absence is meant`)
  for (const obstacle of obstacles) lines.push(`- **cannot be restored as it is:** ${safe(obstacle)}`)
  return [...lines, '']
}

function commands(account: RunbookAccount, snapshot: RunbookSnapshot, path: string): string[] {
  const flags = `--vault ${safe(quoteWord(path))} --cloud ${account.cloud} --at ${snapshot.id}`
  const code = (...lines: readonly string[]): string[] => ['', ...lines.map((line) => `    ${line}`), '']
  const [folder, upload] = [folderTime(account, snapshot), uploadTime(account, snapshot)]
  return [
    `### (a) Everything into a folder: about ${formatDuration(folder.ms)}`,
    '',
    `Needs ${formatBytes(snapshot.bytes)} of space and no credentials. ${folder.basis}`,
    ...code(`cloudkeep restore ${flags} --to /path/to/an/empty/folder --sidecar json`),
    `### (b) Back into the same account: about ${formatDuration(upload.ms)}`,
    '',
    'Look at the plan first; it writes nothing. What is there and differs is left alone unless told otherwise.',
    ...code(`cloudkeep restore ${flags} --to account -n`, `cloudkeep restore ${flags} --to account`),
    'To put everything as it was, also where somebody changed it since (the present state is kept first, and',
    '`cloudkeep restore --undo last --to account` takes it back):',
    ...code(`cloudkeep restore ${flags} --to account --conflict overwrite`),
    `### (c) Into a new account: about ${formatDuration(upload.ms)}`,
    '',
    'Make the account in the Cloudinary console, with the same folder mode, and give its key as described below.',
    'Addresses change with the cloud name: the map says from what to what.',
    ...code(`cloudkeep restore ${flags} --to target --url-map urls.csv`),
    ...upload.basis,
    'Any of them can be interrupted and started again; it goes on where it was. Exit code 0: all is back. 3: what is',
    'not back is named.',
    '',
  ]
}

interface Estimate {
  readonly ms: number
}

function folderTime({ lastDrill }: RunbookAccount, { bytes }: RunbookSnapshot): Estimate & { readonly basis: string } {
  const measured = lastDrill?.toFolder === true ? lastDrill.bytesPerSecond : null
  const rate = measured !== null && measured > 0 ? measured : ASSUMED.folderBytes
  const basis =
    rate === measured
      ? `The last rehearsal restored ${formatBytes(rate)} a second.`
      : `Assumed: ${formatBytes(rate)} a second; a rehearsal (\`cloudkeep drill\`) measures it.`
  return { ms: roundUp((bytes / rate) * 1000), basis }
}

function uploadTime(
  { lastDrill, downloadBytesPerSecond, adminCallsPerHour }: RunbookAccount,
  { assets, bytes }: RunbookSnapshot,
): Estimate & { readonly basis: readonly string[] } {
  const rehearsed = lastDrill?.toFolder === false ? lastDrill.bytesPerSecond : null
  const rate = positive(rehearsed) ?? positive(downloadBytesPerSecond) ?? ASSUMED.uploadBytes
  const why =
    rate === rehearsed
      ? 'as the last rehearsal uploaded'
      : rate === downloadBytesPerSecond
        ? 'as the last backup downloaded; uploading is often slower'
        : 'assumed'
  const perHour = positive(adminCallsPerHour) ?? ASSUMED.callsPerHour
  // The account is read before and after, a page of 500 at a time from two sources, besides folders and configuration.
  const calls = 4 * Math.ceil(assets / 500) + 100
  const hours = Math.ceil(calls / (perHour * SHARE_OF_CALLS)) - 1
  const seconds = Math.max(bytes / rate, (assets * ASSUMED.secondsAnUpload) / ASSUMED.uploadsAtOnce) + hours * 3600
  const basis = [
    `Time for (b) and (c): ${formatBytes(rate)} a second (${why}), at least half a second an upload, eight at a time; about`,
    `${plural(calls, 'Admin API call')} at ${formatCount(perHour)} an hour${adminCallsPerHour === null ? ' (assumed)' : ''}${hours > 0 ? `, which alone takes ${plural(hours, 'hour')} of waiting` : ''}.`,
    'Credits: an upload costs storage and no transformations; derived assets are made again when they are asked for.',
    '',
  ]
  return { ms: roundUp(seconds * 1000), basis }
}

const positive = (value: number | null): number | null => (value !== null && value > 0 ? value : null)

/** An estimate in seconds pretends to know more than it does; the shortest takes a minute with everything around it. */
const roundUp = (ms: number): number => Math.max(1, Math.ceil(ms / 60_000)) * 60_000

const credentialLines = (): string[] => [
  '## Credentials',
  '',
  'They are in no vault and in no run-book. An API key and its secret come from the Cloudinary console, Settings, API',
  'Keys; the key for (b) and (c) must be allowed to write. Give them through the environment or a file, never as a flag:',
  '',
  '    export CLOUDINARY_URL_FILE=/path/to/a/file/that/holds/cloudinary-url   # (b): the account itself',
  '    export CLOUDKEEP_TARGET_URL_FILE=/path/to/another/file                 # (c): the new account',
  '',
  'Where they are kept: ____________________________ Who may open it: ____________________________',
  '',
]

const withoutCloudkeep = ({ path, isBucket, encryption }: RunbookFacts['vault']): string[] => [
  '## (d) Without Cloudkeep',
  '',
  ...(isBucket
    ? [
        "Download the vault with the vendor's own tool (`aws s3 sync`, `gcloud storage rsync`, `azcopy`) or with rclone, all",
        'below the prefix, into a folder `vault`.',
        '',
      ]
    : []),
  `The vault is files. \`README.txt\` in its root explains every step; with sh, gzip, jq${encryption === null ? '' : ', age'} and sha256sum on any machine:`,
  '',
  `    cd ${isBucket ? 'vault' : safe(quoteWord(path))} && less README.txt`,
  '',
  ...(encryption === null
    ? ['Step 3 chooses a snapshot, step 5 copies everything into `restored/`.']
    : ['It begins with the identity of an owner, decrypts everything into `plain/`, and goes on there.']),
  ...(isBucket || encryption !== null
    ? []
    : ['The folder `library/` holds the newest files as they are, for looking and copying.']),
  '',
]

const cannotComeBack = (): string[] => [
  '## What cannot come back',
  '',
  '- asset_id, version number and upload times: the service gives new ones. Addresses with a version number (`/v123/`)',
  '  go on working only where the version is not checked; `--url-map` lists old and new ones.',
  '- derived assets: made again when they are asked for, and counted as transformations then',
  '- usage statistics, logs, users, roles, API keys, billing and add-on subscriptions: not in any API that a backup can read',
  '- assets that are fetched from elsewhere: fetched again from where they were',
  '- what was uploaded after the snapshot, and what a snapshot could not keep (`cloudkeep snapshots --failed`)',
  '',
]

const utc = (iso: string): string => {
  const time = new Date(iso)
  return Number.isNaN(time.getTime()) ? '?' : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** Text from outside inside of Markdown: nothing in it may end the cell or the code it stands in. */
const inCell = (text: string): string => safe(text).replace(/[|`*_<>[\]\\]/gu, '\\$&')
const inCode = (text: string): string => safe(text).replaceAll('`', "'").replaceAll('|', '\\|')
