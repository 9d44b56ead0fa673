import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { AccountReader } from './cloudinary/reader.ts'
import type { Context, ReaderListener } from './context.ts'
import type { RepairHands } from './maintenance/repair/hands.ts'
import { AppError, isAppError } from './model/errors.ts'

/** Joins what a repair may reach for: other vaults, the account of the credentials if there are any, the library. */
export async function createRepairHands(
  context: Context,
  from: readonly string[],
  listen: ReaderListener,
): Promise<RepairHands> {
  const { root, name } = await context.place()
  const others = await Promise.all(
    from.map(async (at) => {
      const place = await context.otherPlace(at)
      return { name: `the vault ${at}`, place: place.name, vault: place.bare }
    }),
  )
  const itself = others.find(({ place }) => place === name)
  if (itself !== undefined) {
    throw new AppError('USAGE', `${itself.name} is the one to be repaired`, { hint: 'give another copy with --from' })
  }
  return {
    others,
    reader: readerOf(context, listen),
    root,
    scratch: await context.scratch(),
    relink: async ({ cloud, path, object, mtimeMs }) => {
      const tree = await context.library(cloud)
      if (tree === null || root === null) return
      const found = await lstat(join(root, 'library', cloud, path)).catch(() => null)
      if (found?.isFile() !== true) return
      await tree.place(path, object, mtimeMs)
    },
  }
}

function readerOf(context: Context, listen: ReaderListener): AccountReader | null {
  try {
    return context.reader(listen)
  } catch (error) {
    if (!isAppError(error, 'CREDENTIALS_MISSING')) throw error
    return null
  }
}
