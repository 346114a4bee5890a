package ssh

import (
	"fmt"

	"golang.org/x/crypto/ssh"
)

// tagOfStatus is how the record tells an exit status.
func tagOfStatus(payload []byte) string {
	var status exitStatus
	if read(payload, &status) != nil {
		return "exit"
	}
	return fmt.Sprintf("exit %d", status.Status)
}

// maxSignal bounds a signal's name in the record, in bytes.
const maxSignal = 32

// tagOfSignal is how the record tells that a signal has ended a command.
func tagOfSignal(payload []byte) string {
	var signal exitSignal
	if read(payload, &signal) != nil {
		return "signal"
	}
	return "signal " + signal.Signal[:min(len(signal.Signal), maxSignal)]
}

// exitPayload is that of an exit status.
func exitPayload(status uint32) []byte { return ssh.Marshal(exitStatus{status}) }
