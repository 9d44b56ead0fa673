import { expect, it } from 'vitest'
import { COMMANDS } from './commands.ts'
import { type RunbookAccount, type RunbookFacts, renderRunbook } from './runbook.ts'

const GIGABYTE = 1024 ** 3

const account = (changes: Partial<RunbookAccount> = {}): RunbookAccount => ({
  cloud: 'acme',
  complete: { id: 'a1b2c3d4e5f60718', takenAt: '2026-11-22T09:00:12.000Z', assets: 250_000, bytes: 800 * GIGABYTE },
  newer: null,
  failed: 0,
  purged: 0,
  obstacles: [],
  everyByteReadAt: '2026-11-20T02:00:00.000Z',
  lastDrill: null,
  downloadBytesPerSecond: null,
  adminCallsPerHour: null,
  ...changes,
})
const facts = (changes: Partial<RunbookFacts> = {}): RunbookFacts => ({
  now: Date.UTC(2026, 10, 22, 12),
  tool: 'cloudkeep 0.1.0',
  vault: { path: '/srv/the vault', isBucket: false, encryption: null, id: 'v1', host: 'nas' },
  accounts: [account()],
  ...changes,
})
const text = (changes: Partial<RunbookFacts> = {}): string => renderRunbook(facts(changes)).join('\n')
/** `3 h 20 min` after a heading. */
const timeOf = (book: string, letter: string): string | undefined =>
  new RegExp(`### \\(${letter}\\).*: about (.*)`, 'u').exec(book)?.[1]

it('names vault, snapshot and account, and every way back with its command', () => {
  const book = text()
  for (const part of [
    '`/srv/the vault` on nas',
    'a1b2c3d4e5f60718',
    '250,000 assets',
    '800 GiB',
    '(d) Without Cloudkeep',
  ])
    expect(book).toContain(part)
  const flags = "--vault '/srv/the vault' --cloud acme --at a1b2c3d4e5f60718"
  for (const to of ['--to /path', '--to account -n', '--to account --conflict overwrite', '--to target --url-map'])
    expect(book).toContain(`    cloudkeep restore ${flags} ${to}`)
})

it('every command in it exists, with every flag it is given', () => {
  const lines = text().match(/cloudkeep [a-z-]+[^`\n]*/gu) ?? []
  expect(lines.length).toBeGreaterThan(8)
  for (const line of lines) {
    const name = line.split(' ')[1]
    const command = COMMANDS.find((each) => each.name === name)
    expect(command, line).toBeDefined()
    const known = (command?.options ?? []).map(({ flags }) => flags).join(' ')
    for (const flag of line.match(/ --?[a-z-]+/gu) ?? []) {
      if (!/^ --(vault|cloud)$/u.test(flag)) expect(`${known} `, line).toContain(flag.trim())
    }
  }
})

it('an estimate follows what was measured, and says what was assumed', () => {
  const assumed = text()
  expect(assumed).toMatch(/Assumed: .* a second/u)
  expect(assumed).toContain('500 an hour (assumed)')
  const drill = { at: '2026-11-21T00:00:00.000Z', restored: 20, failed: 0, toFolder: true, bytesPerSecond: 400e6 }
  const measured = text({
    accounts: [account({ lastDrill: drill, downloadBytesPerSecond: 50e6, adminCallsPerHour: 5000 })],
  })
  expect(measured).not.toMatch(/assumed/iu)
  // 800 GiB at 400 MB/s, and at 50 MB/s.
  expect([timeOf(measured, 'a'), timeOf(measured, 'b')]).toEqual(['36 min', '4 h 47 min'])
  expect(timeOf(assumed, 'a')).toBe('4 h 47 min')
})

it('the hourly limit counts where it is what takes longest', () => {
  const snapshot = { id: 'small', takenAt: '2026-11-22T09:00:12.000Z', assets: 250_000, bytes: 1000 }
  const fast = { complete: snapshot, downloadBytesPerSecond: 1e9 }
  expect(timeOf(text({ accounts: [account({ ...fast, adminCallsPerHour: 100_000 })] }), 'c')).toBe('4 h 21 min')
  const slow = text({ accounts: [account({ ...fast, adminCallsPerHour: 100 })] })
  expect(timeOf(slow, 'c')).toBe('1 d 3 h')
  expect(slow).toContain('23 hours of waiting')
})

it('says what stands in the way, and what is missing', () => {
  const newer = { id: 'later', takenAt: '2026-11-22T10:00:00.000Z', assets: 1, bytes: 1 }
  const book = text({
    accounts: [account({ newer, failed: 3, purged: 2, obstacles: ['4 objects are missing'], everyByteReadAt: null })],
  })
  for (const part of [
    'is partial: 3 assets could not be kept',
    '2 versions purged on purpose',
    '4 objects are missing',
  ])
    expect(book).toContain(part)
  expect(book).toContain('not every byte of it has been read back yet')
  expect(text({ accounts: [] })).toContain('Nothing can be restored yet')
  expect(text({ accounts: [account({ complete: null })] })).toContain('There is no snapshot of it')
  expect(text({ accounts: [account({ complete: null, newer })] })).toContain('--at later')
})

it('holds no secret and nothing that breaks out of its place', () => {
  const book = text({ vault: { ...facts().vault, path: '/srv/`rm`|\u001b[31m', host: 'a|b\nc' } })
  expect(book).not.toContain('\u001b')
  // In a command it stands in quotes, anywhere else it is tamed.
  for (const line of book.split('\n')) expect(line.replaceAll("'/srv/`rm`|\\e[31m'", '')).not.toContain('`rm`')
  expect(book.split('\n').filter((line) => line.startsWith('| vault'))).toHaveLength(1)
  expect(book).not.toMatch(/cloudinary:\/\/\w+:\w+@/u)
  for (const line of book.split('\n')) expect(line.length).toBeLessThan(200)
})

it('says who opens an encrypted vault in a bucket, and how to begin without Cloudkeep', () => {
  const owner = 'age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z'
  const vault = {
    path: 's3://shop/vault?region=eu-central-1',
    isBucket: true,
    encryption: { owners: [owner], passphrases: 1 },
    id: 'v1',
    host: 'nas',
  }
  const book = text({ vault })
  for (const part of [owner, '1 passphrase', 'aws s3 sync', 'age', "--vault 's3://shop/vault?region=eu-central-1'"])
    expect(book).toContain(part)
  for (const part of ['library/', ' on nas']) expect(book).not.toContain(part)
})
