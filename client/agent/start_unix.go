//go:build unix

package agent

import "syscall"

// detached makes the agent live in a session of its own, so that neither a terminal's Ctrl-C nor its end is its.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
