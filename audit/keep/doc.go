// Package keep decides how long the record is kept, copies it elsewhere, and brings a copy back: retention by age and
// size that leaves the log provable, backup of a live journal by copying files, and restore.
package keep
