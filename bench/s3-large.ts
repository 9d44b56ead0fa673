/** Peak memory with one asset of growing size: on its way into a bucket, while it is proven, and on its way back. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CLI, measure, startService } from './process.ts'
import { makeVault, type S3Server } from './s3-place.ts'

export interface LargeWish {
  /** Of the asset, in MiB. */
  readonly sizes: readonly number[]
  readonly isEncrypted: boolean
  readonly place: string
}

export async function measureLarge(server: S3Server, { sizes, isEncrypted, place }: LargeWish): Promise<void> {
  console.log(`\n${isEncrypted ? 'encrypted' : 'not encrypted'}: peak MiB of the process (MiB/s)\n`)
  console.log('| MiB | backup | verify --read all | get |\n| --- | --- | --- | --- |')
  for (const mib of sizes) {
    const service = await startService({ assets: 0, largeBytes: mib * 2 ** 20 })
    const vault = await makeVault(server, { isEncrypted, place })
    const out = join(vault.env['CLOUDKEEP_CACHE'] ?? place, 'out.bin')
    try {
      const cells: string[] = []
      for (const argv of [
        ['backup', vault.url, '--details', 'none'],
        ['verify', vault.url, '--read', 'all'],
        ['get', 'large', '--vault', vault.url, '-o', out],
      ]) {
        const { code, peakMiB, wallMs, stdout } = await measure(process.execPath, [CLI, ...argv, '--json'], {
          ...vault.env,
          CLOUDINARY_URL: service.cloudinaryUrl,
        })
        if (code !== 0) throw new Error(`${argv[0]} ended with ${code}: ${stdout.slice(-500)}`)
        cells.push(`${peakMiB.toFixed(0)} (${(mib / (wallMs / 1000)).toFixed(0)})`)
      }
      console.log(`| ${mib} | ${cells.join(' | ')} |`)
    } finally {
      service.stop()
      await rm(out, { force: true })
      await vault.remove()
    }
  }
}
