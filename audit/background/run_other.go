//go:build !linux

package background

// Run calls work.
func Run(work func()) { work() }
