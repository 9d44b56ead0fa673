/**
 * What two library paths have in common when some file system would take them for one: macOS compares by Unicode
 * composition, Windows and macOS without case. Upper before lower folds letters that only meet in capitals (ß, ſ);
 * folding too much costs a longer name, folding too little costs a file.
 */
export const pathKey = (path: string): string => path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
