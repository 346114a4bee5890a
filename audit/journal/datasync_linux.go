package journal

import (
	"os"
	"syscall"
)

// SyncData brings f's data, and the size needed to read it back, to the disk.
func SyncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
