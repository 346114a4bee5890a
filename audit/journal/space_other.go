//go:build !linux

package journal

// CheckSpace is for Linux; here the write itself finds out.
func CheckSpace(string, int64) error { return nil }
