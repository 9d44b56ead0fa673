import type { ExportSource } from './report.ts'

/** For whoever finds the export and has never heard of Cloudkeep. */
export const readmeText = ({ cloud, snapshot, selection, isWhole }: ExportSource): string => `WHAT THIS IS

Files out of the Cloudinary account "${cloud}", as they were at ${snapshot.takenAt}
(snapshot ${snapshot.id}${snapshot.complete ? '' : ', which could not keep everything in the account'}).
Exported: ${oneLine(selection)}.

You need no special program for any of it.


WHAT IS HERE

  originals/               the files themselves, byte for byte as they were uploaded, in the folders of the account.
                           Characters that some systems do not allow in names are written as % and two digits.
  metadata/assets.csv      one row a file, for a spreadsheet. A cell that would begin like a formula has a ' in front.
  metadata/assets.ndjson   one line of JSON a file, with everything that is known about it:
                             file       where it is, from this folder; null when there is none
                             leftOut    why there is no file; null when there is one
                             publicId, resourceType, type
                                        its name in Cloudinary's addresses
                             size, md5, object
                                        length, MD5 and SHA-256 of the file
                             facts      folder, tags, context, structured metadata, times, size in pixels, address
                             raw        the account's own records, as received
${
  isWhole
    ? `  metadata/folders.json    the folders of the account, empty ones too
  metadata/configuration.json
                           settings, upload presets, transformations, metadata fields and so on
`
    : ''
}  metadata/export.json     a summary: what, from when, how many
  metadata/left-out.ndjson only when something is missing: which files, and why


IS IT COMPLETE AND UNDAMAGED?

Every file was checked against its SHA-256 while it was exported. To check again, with sha256sum and jq:

    jq -r 'select(.file != null) | .object + "  " + .file' metadata/assets.ndjson | sha256sum --check --quiet

It prints nothing when all is well.
`

const oneLine = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/gu, '?')
