//go:build !linux

package proxy

import "syscall"

// rawIO says that streams use net.Conn's own methods here.
const rawIO = false

func rawRead(uintptr, []byte) (int, syscall.Errno)  { return 0, syscall.EINVAL }
func rawWrite(uintptr, []byte) (int, syscall.Errno) { return 0, syscall.EINVAL }
func peerClosed(uintptr) bool                       { return false }
