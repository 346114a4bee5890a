//go:build !linux

package journal

import "os"

// dataSync brings f's data, and the size needed to read it back, to the disk.
func dataSync(f *os.File) error { return f.Sync() }
