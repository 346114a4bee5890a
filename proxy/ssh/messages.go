package ssh

import (
	"fmt"
	"net"
	"strconv"

	"golang.org/x/crypto/ssh"
)

// The names of channels and requests (RFC 4254; OpenSSH's PROTOCOL).
const (
	channelSession        = "session"
	channelDirectTCP      = "direct-tcpip"
	channelDirectLocal    = "direct-streamlocal@openssh.com"
	channelForwardedTCP   = "forwarded-tcpip"
	channelForwardedLocal = "forwarded-streamlocal@openssh.com"
	channelAgent          = "auth-agent@openssh.com"
	channelX11            = "x11"
	requestPTY            = "pty-req"
	requestWindow         = "window-change"
	requestEnv            = "env"
	requestShell          = "shell"
	requestExec           = "exec"
	requestSubsystem      = "subsystem"
	requestSignal         = "signal"
	requestBreak          = "break"
	requestFlow           = "xon-xoff"
	requestNoMoreData     = "eow@openssh.com"
	requestAgent          = "auth-agent-req@openssh.com"
	requestX11            = "x11-req"
	requestExit           = "exit-status"
	requestExitSignal     = "exit-signal"
	requestListenTCP      = "tcpip-forward"
	requestUnlistenTCP    = "cancel-tcpip-forward"
	requestListenLocal    = "streamlocal-forward@openssh.com"
	requestUnlistenLocal  = "cancel-streamlocal-forward@openssh.com"
	requestNoMoreSessions = "no-more-sessions@openssh.com"
	subsystemSFTP         = "sftp"
)

// Bounds on what clients name, in bytes.
const (
	maxTerm    = 64       // of a terminal's kind, in a recording
	maxAddress = 1024     // of a host's name or a path that a forward names
	maxEnv     = 32 << 10 // of a variable
	maxEnvs    = 64 << 10 // of a session's variables together
)

// maxVariables bounds how many variables a session may set.
const maxVariables = 128

// maxDimension bounds the columns and rows that a recording is told of.
const maxDimension = 10_000

// ptyRequest is pty-req (RFC 4254, section 6.2).
type ptyRequest struct {
	Term                         string
	Columns, Rows, Width, Height uint32
	Modes                        string
}

// windowChange is window-change (section 6.7).
type windowChange struct{ Columns, Rows, Width, Height uint32 }

// envRequest is env (section 6.4).
type envRequest struct{ Name, Value string }

// breakRequest is break (RFC 4335, section 3).
type breakRequest struct{ Milliseconds uint32 }

// textRequest is exec (section 6.5), subsystem, and what names a socket.
type textRequest struct{ Text string }

// exitStatus is exit-status, exitSignal is exit-signal (section 6.10).
type exitStatus struct{ Status uint32 }

type exitSignal struct {
	Signal   string
	Core     bool
	Message  string
	Language string
}

// tcpChannel opens direct-tcpip and forwarded-tcpip (section 7.2).
type tcpChannel struct {
	Host       string
	Port       uint32
	OriginHost string
	OriginPort uint32
}

// localChannel opens direct-streamlocal and forwarded-streamlocal (PROTOCOL, section 2.4). What follows the path is reserved.
type localChannel struct {
	Path string
	Rest []byte `ssh:"rest"`
}

// tcpListen is tcpip-forward and cancel-tcpip-forward (section 7.1); tcpListening the answer where the port was left to the server.
type tcpListen struct {
	Host string
	Port uint32
}

type tcpListening struct{ Port uint32 }

// place is HOST:PORT as it stands in the record.
func place(host string, port uint32) string {
	return net.JoinHostPort(host, strconv.FormatUint(uint64(port), 10))
}

// read takes a request's payload apart. x/crypto bounds what a packet holds.
func read(payload []byte, into any) error {
	if err := ssh.Unmarshal(payload, into); err != nil {
		return fmt.Errorf("malformed request: %w", err)
	}
	return nil
}
