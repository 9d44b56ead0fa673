export const README_KEY = 'README.txt'

/**
 * Lies at the root of every vault, for the day on which Cloudkeep is not at hand. Lines indented by four spaces are
 * commands and are run by a test as they stand; the first line is how an unfinished vault is told from other folders.
 */
export const README_TEXT = `This is a Cloudkeep vault: a complete copy of one or more Cloudinary accounts.

Cloudkeep reads it comfortably ("cloudkeep ls", "cloudkeep get"), but you do not need Cloudkeep: all that is below
works with sh, sha256sum, gzip and jq. If the vault is in a bucket, download it first.


WHAT IS HERE

  cloudkeep.json   what this vault is: format 1
  objects/ab/...   every file ever kept, as it was in Cloudinary. Each is named by the SHA-256 of its bytes, and
                   is never changed. The first two digits are the folder.
  accounts/<cloud>/snapshots/<UTC time>-<id>.json
                   one snapshot each: the account as it was at that time. A snapshot lists segments; a segment is
                   an object that holds one JSON line per asset, compressed with gzip.
  accounts/<cloud>/history/   versions that no snapshot lists: step 8
  accounts/<cloud>/purges/    versions whose bytes were removed on purpose, when and why: step 9
  accounts/<cloud>/...        and proofs/: what else was done and checked. Small JSON files; nothing needs them
  library/         only on disks: folders and files to look at. They are links to the objects: copy, do not edit.
  trash/           objects on their way out, each under its name; quarantine/ holds damaged bytes
  .cache/ locks/   may be deleted while no Cloudkeep runs

A line of a segment says, among other things:

  assetId          Cloudinary's lasting name of the asset
  publicId, resourceType, type
                   its name in URLs
  object           SHA-256 of its bytes: the file is objects/<first two digits>/<object>. null: a record without bytes
  size, md5        length and MD5 of the bytes; the MD5 is Cloudinary's etag
  path             where a restored file should lie: a name that every system can hold
  facts, raw       all metadata: tags, context, folder, times, and the records as Cloudinary sent them


FIRST

Open a terminal and go to the folder in which this file lies. Type sh if your shell is not a POSIX one. The commands
build on one another; paste them in order.


1. CHECK THAT EVERY OBJECT IS INTACT

Prints nothing when all is well, and the name of each object that is damaged. Reads everything; this takes a while.

    for f in objects/??/*; do echo "\${f##*/}  $f"; done | sha256sum -c --quiet


2. LIST THE SNAPSHOTS

File, time, number of assets, bytes, and whether it is complete; a partial one lacks assets that could not be read.
One that says before-restore was taken before a restore into the account: it shows what was about to be mended.

    for s in accounts/*/snapshots/*.json; do
      jq -r '[input_filename, .takenAt, .assets, .bytes,
        (if .complete then "complete" else "partial" end) + (if .purpose then ", \\(.purpose)" else "" end)] | @tsv' "$s"
    done


3. CHOOSE ONE

This takes the last of the list. For another, write SNAPSHOT=accounts/... with its file.

    for s in accounts/*/snapshots/*.json; do SNAPSHOT=$s; done; echo "$SNAPSHOT"

This makes a command that prints the snapshot's lines:

    entries() {
      jq -r '.segments[].object | "objects/\\(.[0:2])/\\(.)"' "$SNAPSHOT" |
        while read -r segment; do gzip -dc < "$segment"; done
    }


4. LIST ITS ASSETS

    entries | jq -r '[.assetId, .resourceType, .type, .publicId, .size // 0, .path // "-"] | @tsv'


5. RESTORE

This makes a command that copies what comes in as lines into the folder restored/ and prints each file. cp complains
about a file that is not there: either it was removed on purpose (step 9), or it is lost.

    restore() {
      jq -r '
        select(.object != null)
        | (if (.path // "") | test("(^|/)[.]{0,2}(/|$)|[\\\\x00-\\\\x1f]") then .assetId else .path end) as $path
        | "objects/\\(.object[0:2])/\\(.object):\\($path)"' |
        while IFS= read -r line; do
          target="restored/\${line#*:}"
          mkdir -p "\${target%/*}" && cp -f "\${line%%:*}" "$target" && echo "$target"
        done
    }

One asset, by its public_id or its asset_id. Write the name between the quotes; a ' in it is written '\\''.

    ASSET='write the name here'
    entries | jq -c --arg asset "$ASSET" 'select(.publicId == $asset or .assetId == $asset)' | restore

The whole snapshot:

    entries | restore


6. ALL THAT IS KNOWN OF THE ASSETS

One JSON line per asset, with tags, context, structured metadata and the records as Cloudinary sent them:

    entries | jq -c . > assets.jsonl


7. THE ACCOUNT BESIDES ITS ASSETS

The folders; and the settings, upload presets, transformations, metadata fields, triggers and so on:

    for part in folders configuration; do
      jq -r --arg part "$part" '.[$part] // empty | "objects/\\(.[0:2])/\\(.)"' "$SNAPSHOT" |
        while read -r object; do gzip -dc < "$object"; done > "$part.jsonl"
    done


8. OLDER VERSIONS

Every snapshot shows the account as it was at its time: choose an earlier one in step 3 and restore from it. Besides,
there may be versions that no snapshot lists. This makes a command that prints them, lines like those of a snapshot:

    older() {
      for h in accounts/*/history/*.json; do
        [ ! -f "$h" ] || jq -r '.lines | "objects/\\(.[0:2])/\\(.)"' "$h"
      done | while read -r lines; do gzip -dc < "$lines"; done
    }

What they are, and from when until when:

    older | jq -r '[.assetId, .version, .publicId, .size // 0, .history.since // "-", .history.until // "-"] | @tsv'

All of them, each under a name of its own:

    older | jq -c '.path = .assetId + "-" + .version + (if .facts.format then "." + .facts.format else "" end)' | restore


9. WHAT WAS REMOVED ON PURPOSE

When, which asset, which version, its object, and why. The object may be there all the same if another version needs it.

    for p in accounts/*/purges/*.json; do
      [ ! -f "$p" ] || jq -r '. as $all | .versions[] |
        [$all.at, .publicId, .version, .object // "-", $all.reason] | @tsv' "$p"
    done
`

/** The steps below are those of every vault, and work in what the first three make. */
const ORDINARY = README_TEXT.slice(README_TEXT.indexOf('\nWHAT IS HERE\n'))

/**
 * Lies at the root of encrypted vaults instead. It begins with the same line, and its commands are run by a test, too.
 */
export const ENCRYPTED_README_TEXT = `${README_TEXT.slice(0, README_TEXT.indexOf('\n'))}

It is encrypted. Cloudkeep reads it with the key of an owner (CLOUDKEEP_IDENTITY_FILE), but you do not need Cloudkeep:
steps A to C below make an ordinary vault of it, with sh, age (age-encryption.org), jq and sha256sum. If the vault is in a
bucket, download it first. Without the identity of an owner, or a passphrase, nobody can read it. Nobody can help then.


WHAT IS HERE, ENCRYPTED

  cloudkeep.json                      in the open; "owners" says whose identities open the vault
  keys/<number>.age                   the vault's own key, encrypted to these owners
  keys/<number>-passphrase-<n>.age    the same, encrypted with a passphrase
  objects/ accounts/ proofs/ trash/ quarantine/
                                      everything else, encrypted to the vault's own key. The names of objects are
                                      encrypted as well; names of accounts and times are not
  locks/                              nothing of value


A. OPEN THE VAULT'S OWN KEY

Open a terminal and go to the folder in which this file lies. Type sh if your shell is not a POSIX one. Copy your identity
file (in it is a line that begins with AGE-SECRET-KEY-1) into this folder as identity.txt. Prints how many keys were found:

    for k in keys/*.age; do age -d -i identity.txt "$k" 2> /dev/null || :; done > vault-key.txt
    grep -c AGE-SECRET-KEY-1 vault-key.txt

With a passphrase it is, for the file with the highest number: age -d keys/1-passphrase-1.age > vault-key.txt


B. DECRYPT EVERYTHING

Into the folder plain, which needs as much space again. An object gets its name from its bytes, so names need not be
decrypted. A file that was changed or cut is named and left out. This takes a while; it may be repeated.

    mkdir -p plain/objects
    for f in objects/??/*.age; do
      if age -d -i vault-key.txt "$f" > plain/part; then
        d=$(sha256sum < plain/part) && d=\${d%% *} && p=plain/objects/$(printf %.2s "$d")
        mkdir -p "$p" && mv -f plain/part "$p/$d"
      else echo "damaged: $f"; fi
    done
    find . '(' -path './accounts/*' -o -path './proofs/*' ')' -name '*.age' | while IFS= read -r f; do
      p=plain/\${f%.age}
      if age -d -i vault-key.txt "$f" > plain/part; then mkdir -p "\${p%/*}" && mv -f plain/part "$p"
      else echo "damaged: $f"; fi
    done
    rm -f plain/part


C. GO ON WITH AN ORDINARY VAULT

This makes it one, which Cloudkeep can open, too. What follows is about the folder plain.

    jq 'del(.encryption)' cloudkeep.json > plain/cloudkeep.json && cd plain

When you have what you want: vault-key.txt opens the vault, and plain is readable for everybody. Remove them.

${ORDINARY}`
