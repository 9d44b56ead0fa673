import { describe, expect, it } from 'vitest'
import type { BackupReport } from '../backup/report.ts'
import { NO_TOTALS } from '../model/snapshot.ts'
import { renderBackupReport } from './backup-report.ts'
import { createTheme } from './theme.ts'

const theme = createTheme({}, { colour: false, dumb: false, unicode: true })
const place = { vault: './cloudkeep-vault', vaultFlag: '', dryRun: false, verbose: false, width: null }
const report = (given: Partial<BackupReport> = {}): BackupReport => ({
  cloud: 'demo',
  snapshot: '3f2a91c0',
  complete: true,
  partialReasons: [],
  totals: { ...NO_TOTALS, scanned: 50_000, fetched: 412, fetchedBytes: 1.4e9, unchanged: 49_588 },
  excludedBy: {},
  failures: [],
  guard: null,
  apiCalls: 102,
  durationMs: 72_000,
  library: { linked: 412, removed: 0, kept: 0 },
  ...given,
})
const text = (given: Partial<BackupReport> = {}, at = place): string =>
  renderBackupReport(report(given), theme, at).join('\n')
const failure = (n: number) => ({
  assetId: String(n),
  publicId: `shop/\u001b[2J${n}`,
  resourceType: 'image',
  type: 'upload',
  code: 'DOWNLOAD_MISMATCH',
  reason: 'too\nshort',
})

describe('what a person reads after a backup', () => {
  it('is the verdict, the counts and the next step', () => {
    expect(text()).toContain('✓ complete  demo  ·  snapshot 3f2a91c0  ·  1 min 12 s')
    expect(text()).toMatch(/scanned\s+50,000\n\s+fetched\s+412 {2}1\.3 GiB\n\s+unchanged\s+49,588\n\s+failed\s+0/)
    expect(text()).toContain('next  cloudkeep verify --read all')
  })

  it('names failures harmlessly, twenty of them, and says how many more there are', () => {
    const failures = Array.from({ length: 25 }, (_, n) => failure(n))
    const shown = text({
      complete: false,
      partialReasons: ['failures'],
      failures,
      totals: { ...NO_TOTALS, failed: 25 },
    })
    expect(shown).toContain('! partial')
    expect(shown).toContain('image/upload/shop/\\e[2J19')
    expect(shown).not.toContain('\u001b')
    expect(shown).not.toContain('\\e[2J20')
    expect(shown).toContain('too\\nshort')
    expect(shown).toContain('and 5 more')
  })

  it('explains the guard and what to do', () => {
    const shown = text({
      complete: false,
      partialReasons: ['guard'],
      guard: { vanished: 300, replaced: 20, base: 1000 },
    })
    expect(shown).toContain('stopped by the guard')
    expect(shown).toContain('300 vanished and 20 had their bytes replaced (32 %)')
    expect(shown).toContain('nothing was deleted')
    expect(shown).toContain('--yes-mass-change')
  })

  it('says of a dry run that nothing was written', () => {
    expect(text({ snapshot: null }, { ...place, dryRun: true })).toContain('dry run, nothing was written')
  })

  it('names the vault in the next command where it has to be named', () => {
    expect(text({ complete: false }, { ...place, vaultFlag: " --vault '/srv/my vault'" })).toContain(
      "cloudkeep backup --vault '/srv/my vault'",
    )
  })
})
