//go:build !linux

package keep

// checkSpace lets the copy itself find out.
func checkSpace(string, int64) error { return nil }
