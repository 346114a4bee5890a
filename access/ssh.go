package access

import "time"

// The classes of what happens over SSH, besides read and write, which files have. The last four let through what no record
// can tell of, so a role must name them: leaving out its classes gives none of them.
const (
	ClassShell   = "shell"   // a terminal, or a shell without one
	ClassExec    = "exec"    // a command, or a subsystem that is not SFTP
	ClassForward = "forward" // a connection from the server's side to HOST:PORT (local and dynamic forwarding, ProxyJump)
	ClassListen  = "listen"  // a port that listens at the server's side (remote forwarding)
	ClassAgent   = "agent"   // the use of the person's SSH agent at the server
	ClassX11     = "x11"     // windows of the server on the person's screen
)

// SSHClasses are the classes of SSH alone.
func SSHClasses() []string { return append([]string{ClassShell, ClassExec}, namedAlone()...) }

// namedAlone are the classes that only a role that names them lets run.
func namedAlone() []string { return []string{ClassForward, ClassListen, ClassAgent, ClassX11} }

// isSSH says that the resource is a server rather than a store: its tables are files, by absolute path, and HOST:PORT.
func (r *Resource) isSSH() bool { return r.Protocol == "ssh" }

// withheld says in words what a class lets that must be named.
func withheld(class string) string {
	switch class {
	case ClassForward:
		return "connections be forwarded"
	case ClassListen:
		return "ports be opened at the server"
	case ClassAgent:
		return "your SSH agent be used at the server"
	default:
		return "windows be shown on your screen"
	}
}

// SSH is what the resource of an SSH server says besides its address.
type SSH struct {
	// HostKeys are the server's own, as in authorized_keys; HostCAs those of the authorities that may have certified it for the
	// host in the resource's address. Both empty: the key is learned at the first connection, and is the only one from then on.
	// Where a resource is replaced, nil keeps the keys that are known; an empty list forgets them.
	HostKeys []string `json:"host_keys,omitzero" maxItems:"20" doc:"The server's public keys; without any, and without host_cas, the first that is seen is pinned. When a resource is replaced, leaving them out keeps those that are known; an empty list forgets them"`
	HostCAs  []string `json:"host_cas,omitempty" maxItems:"20" doc:"Public keys of authorities whose host certificates are taken"`
	// Env names the environment variables that clients may set, with * for any characters; nil: LANG and LC_*; empty: none.
	Env []string `json:"env,omitzero" maxItems:"100" doc:"Environment variables that clients may set; * stands for any characters; default: LANG and LC_*; an empty list: none"`
	// RecordInput records what is sent, of what is recorded at all: what is typed in terminals, but never while the terminal shows nothing
	// of it, and with RecordExec what commands read on stdin, such as a script. What a shell without a terminal is sent is recorded
	// always: it is the statements themselves.
	RecordInput bool `json:"record_input,omitempty" doc:"Record what is typed in terminals, but never while echo is off; with record_exec also what commands read on stdin"`
	// RecordExec records the output of commands that run without a terminal as well.
	RecordExec bool `json:"record_exec,omitempty" doc:"Record the output of commands without a terminal, too; with record_input also their stdin"`
}

// KeepHostKeys takes over the host keys that are known of the resource that this one takes the place of, such as one that was pinned at the
// first connection, where nothing is said of how the server is known. An empty list forgets them.
func (r *Resource) KeepHostKeys(old *Resource) {
	if r.Protocol != old.Protocol || old.SSH == nil || len(old.SSH.HostKeys) == 0 {
		return
	}
	s := SSH{}
	if r.SSH != nil {
		s = *r.SSH
	}
	if s.HostKeys == nil && len(s.HostCAs) == 0 {
		s.HostKeys = old.SSH.HostKeys
		r.SSH = &s
	}
}

// SSHKey is a public key by which a user may sign in at the native SSH entrance.
type SSHKey struct {
	// Fingerprint is SHA256:..., as ssh-keygen -l shows it.
	Fingerprint string    `json:"fingerprint" readOnly:"true"`
	User        string    `json:"user" readOnly:"true"`
	Name        string    `json:"name,omitempty" maxLength:"128" doc:"What it is, such as laptop"`
	Public      string    `json:"public" maxLength:"16384" doc:"The public key, as in id_ed25519.pub"`
	Created     time.Time `json:"created,omitzero" readOnly:"true"`
}

// SSHAuthorities are the public keys of Sallyport's own SSH authorities, as in authorized_keys.
type SSHAuthorities struct {
	Users string `json:"users"` // signs people's certificates for the native entrance
	Hosts string `json:"hosts"` // signs the gateways' host certificates
	// Logins signs the short certificates by which gateways log in at servers that trust it (TrustedUserCAKeys).
	Logins string `json:"logins"`
}
