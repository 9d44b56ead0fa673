import { lstat, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fillNastyNames } from '../sandbox/nasty.ts'
import type { Asset, FolderMode } from '../sandbox/state.ts'
import { commandLine } from './command-line.ts'
import { createRig, differences, readNewest, realAssets } from './rig.ts'

const contentOf = (asset: Asset): Buffer =>
  asset.content === null || asset.content.size === 0 ? Buffer.alloc(0) : asset.content.read(0, asset.content.size - 1)

test.each<FolderMode>(['dynamic', 'fixed'])(
  'every awkward name of a %s account is kept, listed, found by its name and browsable',
  async (folderMode) => {
    const rig = await createRig({ settings: { folderMode, allowPdfZip: true } })
    const cwd = await mkdtemp(join(tmpdir(), 'cloudkeep-names-'))
    const cli = (argv: readonly string[]) => commandLine(argv, { variables: rig.env, cwd })
    try {
      fillNastyNames(rig.cloud)
      const assets = realAssets(rig.cloud)
      const report = await rig.backup()
      expect(report.failures).toEqual([])
      expect(await differences(rig)).toEqual([])

      const listed = await cli(['ls', '--json'])
      expect(listed.exit).toBe(0)
      const names = listed.records.map((row) => `${row['resourceType']}/${row['deliveryType']}/${row['publicId']}`)
      for (const asset of assets) expect(names).toContain(`${asset.resourceType}/${asset.type}/${asset.publicId}`)

      for (const [n, asset] of assets.entries()) {
        const name = `${asset.resourceType}/${asset.type}/${asset.publicId}`
        const got = await cli(['get', '-o', join(cwd, `file${n}`), '--', name])
        expect(got.exit, `${JSON.stringify(name)}: ${got.err}`).toBe(0)
        expect((await readFile(join(cwd, `file${n}`))).equals(contentOf(asset)), name).toBe(true)
      }

      const { entries } = await readNewest(rig.vault, rig.cloud.name)
      const root = join(rig.vault, 'library', rig.cloud.name)
      const files = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
      const kept = entries.filter((entry) => entry.object !== null)
      expect(files).toHaveLength(kept.length)
      expect(new Set(kept.map((entry) => entry.path?.normalize('NFC').toLowerCase())).size).toBe(kept.length)
      for (const { assetId, path } of kept) {
        const asset = assets.find((a) => a.assetId === assetId)
        const file = join(root, path ?? '')
        expect((await lstat(file)).isFile()).toBe(true)
        expect(asset !== undefined && (await readFile(file)).equals(contentOf(asset)), path ?? '').toBe(true)
      }
      // Nothing anywhere but in the vault.
      expect((await readdir(join(rig.vault, '..'))).sort()).toEqual(['vault'])

      const again = await rig.backup()
      expect(again.totals).toMatchObject({ fetched: 0, relabelled: 0, renamed: 0 })
      expect(again.library).toMatchObject({ linked: 0, removed: 0 })
    } finally {
      await rig.close()
      await rm(cwd, { recursive: true, force: true })
    }
  },
  120_000,
)
