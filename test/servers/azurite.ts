import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { leaveOut, shareServer, spawnForRun } from './share.ts'

const Facts = z.object({ endpoint: z.string(), account: z.string(), key: z.string() })

/** `endpoint` ends with the account, as the vendor's emulator wants it. */
export type Azurite = z.infer<typeof Facts>

/** The account that every Azurite knows; its key is public ("Use the Azurite emulator", learn.microsoft.com). */
const ACCOUNT = 'devstoreaccount1'
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

const project = fileURLToPath(new URL('../..', import.meta.url))
const program = join(
  process.env['CLOUDKEEP_AZURITE'] ?? project,
  'node_modules',
  'azurite',
  'dist',
  'src',
  'blob',
  'main.js',
)

/** Whether the Azure suites can run; `describe.skipIf(!hasAzurite)`. A run that imports this without having it says so. */
export const hasAzurite = existsSync(program)

if (!hasAzurite)
  await leaveOut(
    'azurite',
    'the Azure suites (azurite is not installed: `npm install --prefix FOLDER azurite@3.35.0`, ' +
      'then run with CLOUDKEEP_AZURITE=FOLDER)',
  )

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0))
    })
  })

/** Any answer will do: without a signature it is a refusal. */
const untilUp = async (endpoint: string): Promise<void> => {
  for (let waited = 0; waited < 60_000; waited += 100) {
    const isUp = await fetch(endpoint).then(
      () => true,
      () => false,
    )
    if (isUp) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`azurite did not answer at ${endpoint} within a minute`)
}

/** A blob service that all tests of this run share; 2 seconds for the first. Use containers of your own. */
export const useAzurite = (): Promise<Azurite> =>
  shareServer('azurite', Facts.parse, async () => {
    const port = await freePort()
    const options = ['--blobHost', '127.0.0.1', '--blobPort', String(port), '--inMemoryPersistence', '--silent']
    // Without --skipApiVersionCheck it refuses clients that are younger than itself.
    const { pid } = spawnForRun(process.execPath, program, ...options, '--skipApiVersionCheck', '--disableTelemetry')
    const endpoint = `http://127.0.0.1:${port}/${ACCOUNT}`
    await untilUp(endpoint)
    return { facts: { endpoint, account: ACCOUNT, key: KEY }, pid }
  })
