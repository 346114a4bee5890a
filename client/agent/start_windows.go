package agent

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// detached makes the agent live without a console, so that neither Ctrl-C nor the window's end is its.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP, HideWindow: true}
}
