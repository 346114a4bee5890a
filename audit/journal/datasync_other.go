//go:build !linux

package journal

import "os"

// SyncData brings f's data, and the size needed to read it back, to the disk.
func SyncData(f *os.File) error { return f.Sync() }
