import { expect, it } from 'vitest'
import { createCloud } from './cloud.ts'
import { fillNastyNames, NASTY_NAMES } from './nasty.ts'
import { startSandbox } from './server.ts'

interface Item {
  readonly asset_id: string
  readonly public_id: string
  readonly secure_url: string
}

it.each(['dynamic', 'fixed'] as const)(
  'lists and delivers every awkward name in %s folder mode',
  async (folderMode) => {
    const cloud = createCloud({ name: 'nasty', settings: { folderMode, rateLimit: 100_000, allowPdfZip: true } })
    fillNastyNames(cloud)
    const sandbox = await startSandbox({ clouds: [cloud] })
    const { key = '', secret = '' } = cloud.keys[0] ?? {}
    const headers = { authorization: `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}` }
    const listed: Item[] = []
    for (const resourceType of ['image', 'video', 'raw']) {
      for (const type of ['upload', 'private', 'authenticated', 'fetch']) {
        const answer = await fetch(`${sandbox.url}/v1_1/nasty/resources/${resourceType}/${type}?max_results=500`, {
          headers,
        })
        listed.push(...((await answer.json()) as { resources: Item[] }).resources)
      }
    }
    expect(listed).toHaveLength(cloud.shelf.size)
    const names = new Set(listed.map((item) => item.public_id))
    for (const name of NASTY_NAMES) expect(names).toContain(name)
    const md5s = [...cloud.shelf.scan()].filter((asset) => asset.content?.size !== 0).map((asset) => asset.content?.md5)
    expect(new Set(md5s).size).toBe(md5s.length)
    const lost: string[] = []
    for (const { asset_id, public_id, secure_url } of listed) {
      const content = cloud.shelf.byId(asset_id)?.content
      const body = Buffer.from(await (await fetch(secure_url)).arrayBuffer())
      // URL parsers take `.` and `..` segments away before the request is sent, in life as here.
      const climbs = public_id.split('/').some((part) => part === '.' || part === '..')
      if (!climbs && !(content?.read(0, content.size).equals(body) ?? false)) lost.push(public_id)
    }
    await sandbox.close()
    expect(lost).toEqual([])
  },
)
