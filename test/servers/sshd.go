package servers

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	sshdStartLimit = 30 * time.Second
	sshdStopGrace  = 10 * time.Second
	sshdSetup      = "scripts/setup.sh test"
	// separationDir must exist where sshd runs as root; Debian's service makes it at each start.
	separationDir = "/run/sshd"
)

// SSHDOptions say how a server is set up. The zero value lets the operator in, by key, and allows every kind of forwarding.
type SSHDOptions struct {
	// AuthorizedKeys are let in as every account, besides the operator's. They are lines of authorized_keys.
	AuthorizedKeys []string
	// UserCAs may certify logins, for the account that a certificate names as principal (TrustedUserCAKeys).
	UserCAs []string
	// HostCA, unless nil, certifies the server's key for HostPrincipals; without any: 127.0.0.1, localhost.
	HostCA         ssh.Signer
	HostPrincipals []string
	// Password and KeyboardInteractive let accounts in by their password, asked for by that method. Both need root.
	Password, KeyboardInteractive bool
	Config                        []string // further lines of sshd_config, before all others, so that they win
	Port                          int      // 0: a free one
}

// SSHD is a private, running OpenSSH server. Where this process is not root, only its own user can log in.
type SSHD struct {
	Host    string
	Port    int
	Account string // the user that this process runs as
	HostKey string // its public key, as in authorized_keys
	KeyFile string // the operator's private key, with which every account lets them in
	LogFile string // LogLevel VERBOSE: who logged in how, by which key

	dir     string
	process *Process
}

// StartSSHD starts a private sshd for one test and ends it, and all that it runs, with the test.
func StartSSHD(t testing.TB, options SSHDOptions) *SSHD {
	t.Helper()
	s, err := RunSSHD(t.Context(), t.TempDir(), options)
	if errors.Is(err, ErrMissing) {
		Missing(t, "sshd", sshdSetup)
	}
	if err != nil {
		t.Fatalf("start sshd: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of sshd's log:\n%s", tail(s.LogFile, 40))
		}
		if err := s.Stop(); err != nil {
			t.Errorf("stop sshd: %v", err)
		}
	})
	return s
}

// RunSSHD starts an sshd whose files live in dir, which it makes. Host key and operator's key that are there are used again.
// The context bounds the start alone.
func RunSSHD(ctx context.Context, dir string, options SSHDOptions) (*SSHD, error) {
	var s *SSHD
	err := onFreePort(func() (err error) {
		s, err = runSSHD(ctx, dir, options)
		return err
	})
	return s, err
}

func runSSHD(ctx context.Context, dir string, options SSHDOptions) (*SSHD, error) {
	server, err := findProgram("sshd", "/usr/sbin/sshd")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory for sshd: %w", err)
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll(separationDir, 0o755); err != nil {
			return nil, fmt.Errorf("make sshd's directory of privilege separation: %w", err)
		}
	}
	me, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("find this process's user: %w", err)
	}
	s := &SSHD{Host: "127.0.0.1", Port: options.Port, Account: me.Username, KeyFile: filepath.Join(dir, "operator"),
		LogFile: filepath.Join(dir, "sshd.log"), dir: dir}
	if s.Port == 0 {
		if s.Port, err = FreePort(); err != nil {
			return nil, err
		}
	}
	config, err := s.configure(options)
	if err != nil {
		return nil, err
	}
	s.process, err = Start(Command{Path: server, Args: []string{"-D", "-e", "-f", config}, Dir: dir, LogFile: s.LogFile,
		Env: []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"}})
	if err != nil {
		return nil, err
	}
	if err := s.process.waitUntil(func() bool { return s.greets(ctx) }, sshdStartLimit); err != nil {
		return nil, errors.Join(err, s.process.Kill())
	}
	return s, nil
}

// configure writes sshd_config and what it names, and gives its path.
func (s *SSHD) configure(options SSHDOptions) (string, error) {
	host, err := keepKey(filepath.Join(s.dir, "host_key"))
	if err != nil {
		return "", err
	}
	operator, err := keepKey(s.KeyFile)
	if err != nil {
		return "", err
	}
	s.HostKey = AuthorizedKey(host.PublicKey())
	root := os.Geteuid() == 0
	lines := append(slices.Clone(options.Config),
		"ListenAddress "+s.Addr(), "PidFile none", "LogLevel VERBOSE", "UseDNS no", "StrictModes no", "PrintMotd no", "PrintLastLog no",
		"HostKey "+filepath.Join(s.dir, "host_key"), "AuthorizedKeysFile "+filepath.Join(s.dir, "authorized_keys"),
		"PermitRootLogin yes", "UsePAM "+yesNo(root && options.KeyboardInteractive), "PasswordAuthentication "+yesNo(options.Password),
		"KbdInteractiveAuthentication "+yesNo(options.KeyboardInteractive), "MaxStartups 500", "MaxSessions 500", "AcceptEnv *",
		"AllowTcpForwarding yes", "AllowAgentForwarding yes", "AllowStreamLocalForwarding yes", "X11Forwarding yes", "GatewayPorts clientspecified",
		"Subsystem sftp /usr/lib/openssh/sftp-server")
	files := map[string][]string{"authorized_keys": append([]string{AuthorizedKey(operator.PublicKey())}, options.AuthorizedKeys...)}
	if len(options.UserCAs) > 0 {
		files["user_cas"] = options.UserCAs
		lines = append(lines, "TrustedUserCAKeys "+filepath.Join(s.dir, "user_cas"))
	}
	if options.HostCA != nil {
		certificate, err := certifyHost(options.HostCA, host.PublicKey(), options.HostPrincipals)
		if err != nil {
			return "", err
		}
		files["host_key-cert.pub"] = []string{AuthorizedKey(certificate)}
		lines = append(lines, "HostCertificate "+filepath.Join(s.dir, "host_key-cert.pub"))
	}
	files["sshd_config"] = lines
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(strings.Join(content, "\n")+"\n"), 0o600); err != nil {
			return "", fmt.Errorf("write file of sshd: %w", err)
		}
	}
	return filepath.Join(s.dir, "sshd_config"), nil
}

// keepKey reads the private key in a file, and makes one where there is none.
func keepKey(path string) (ssh.Signer, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if b, err = newSSHKey(); err == nil {
			err = os.WriteFile(path, b, 0o600)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("keep SSH key: %w", err)
	}
	return ssh.ParsePrivateKey(b)
}

// newSSHKey makes a private key, in OpenSSH's own form.
func newSSHKey() ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(key, "sallyport test")
	if err != nil {
		return nil, fmt.Errorf("write SSH key: %w", err)
	}
	return pem.EncodeToMemory(block), nil
}

// NewSSHKey makes an ed25519 key pair below dir: the private key in a file that ssh takes (-i), its public half beside it
// (.pub), and both for use by the test.
func NewSSHKey(t testing.TB, dir, name string) (file string, signer ssh.Signer) {
	t.Helper()
	file = filepath.Join(dir, name)
	signer, err := keepKey(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file+".pub", []byte(AuthorizedKey(signer.PublicKey())+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, signer
}

// AuthorizedKey is a public key as a line of authorized_keys, without its end.
func AuthorizedKey(key ssh.PublicKey) string {
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(key)), "\n")
}

func certifyHost(authority ssh.Signer, key ssh.PublicKey, principals []string) (*ssh.Certificate, error) {
	if len(principals) == 0 {
		principals = []string{"127.0.0.1", "localhost"}
	}
	c := &ssh.Certificate{Key: key, CertType: ssh.HostCert, KeyId: "sshd of a test", ValidPrincipals: principals,
		ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(certificateLife).Unix())}
	if err := c.SignCert(rand.Reader, authority); err != nil {
		return nil, fmt.Errorf("certify host key: %w", err)
	}
	return c, nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// greets says whether the server tells its version.
func (s *SSHD) greets(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return false
	}
	defer conn.Close()
	greeting := make([]byte, 4)
	if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	n, err := conn.Read(greeting)
	return err == nil && string(greeting[:n]) == "SSH-"
}

// PID is the process id of the server; its connections are processes of their own, below it.
func (s *SSHD) PID() int { return s.process.PID() }

// Addr is the TCP address, host:port.
func (s *SSHD) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Direct are the arguments by which ssh, scp and sftp reach the server at 127.0.0.1 past any proxy, as the operator. No file of the person who
// runs the tests is read.
func (s *SSHD) Direct() []string {
	return []string{"-F", "none", "-o", "Port=" + strconv.Itoa(s.Port), "-o", "User=" + s.Account, "-o", "IdentityFile=" + s.KeyFile,
		"-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "GlobalKnownHostsFile=/dev/null",
		"-o", "LogLevel=ERROR", "-o", "BatchMode=yes"}
}

// Run runs a command at the server past any proxy, as the operator, and gives what it prints.
func (s *SSHD) Run(ctx context.Context, command string) (string, error) {
	out, err := exec.CommandContext(ctx, "ssh", append(s.Direct(), s.Host, command)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("run ssh: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// Log is what the server has logged so far.
func (s *SSHD) Log(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(s.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Connections are the processes of sshd's open connections, one each.
func (s *SSHD) Connections() []int {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", s.process.PID()))
	if err != nil {
		return nil
	}
	var pids []int
	for _, field := range strings.Fields(string(children)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Stop ends the server in order, and its open connections.
func (s *SSHD) Stop() error {
	return s.end(syscall.SIGTERM, func() error { return s.process.Stop(sshdStopGrace) })
}

// Kill ends the server and its open connections at once, as a crash would.
func (s *SSHD) Kill() error { return s.end(syscall.SIGKILL, s.process.Kill) }

// end ends the server by stop, and the connections by a signal: they are processes of their own, which outlive it.
func (s *SSHD) end(signal syscall.Signal, stop func() error) error {
	open := s.Connections()
	err := stop()
	for _, pid := range open {
		if e := syscall.Kill(pid, signal); e != nil && !errors.Is(e, syscall.ESRCH) {
			err = errors.Join(err, fmt.Errorf("end connection of sshd: %w", e))
		}
	}
	return err
}

// SSHAccount adds an account to this machine for one test and removes it with the test; password "" means none that works.
// It needs root.
func SSHAccount(t testing.TB, password string) (name string) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "a second account", "run the tests as root")
	}
	name = fmt.Sprintf("sally-%d-%d", os.Getpid()%100000, time.Now().UnixNano()%1000000)
	adds := exec.Command("useradd", "--create-home", "--shell", "/bin/bash", "--home-dir", filepath.Join("/tmp", name), name)
	if out, err := adds.CombinedOutput(); err != nil {
		t.Fatalf("add account: %v: %s", err, out)
	}
	t.Cleanup(func() {
		// An account with a process still leaving is removed all the same (--force).
		if out, err := exec.Command("userdel", "--force", "--remove", name).CombinedOutput(); err != nil {
			t.Errorf("remove account: %v: %s", err, out)
		}
	})
	secret := "*" // no password, but not locked: keys and certificates let the account in
	args := []string{"--encrypted"}
	if password != "" {
		secret, args = password, nil
	}
	sets := exec.Command("chpasswd", args...)
	sets.Stdin = strings.NewReader(name + ":" + secret + "\n")
	if out, err := sets.CombinedOutput(); err != nil {
		t.Fatalf("set password of account: %v: %s", err, out)
	}
	return name
}
