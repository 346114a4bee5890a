package main

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/test/servers"
)

// opensshPrograms are what OpenSSH's own tests run in place of ssh, scp, sftp and sshd.
//
//go:embed openssh
var opensshPrograms embed.FS

// opensshStore is where OpenSSH's own tests start servers of their own: they listen at a port, or are run for one connection, which
// the tests do by ProxyCommand and inetd does here.
type opensshStore struct {
	account string
	port    int
	witness sshWitness
	inetd   *inetd
	asked   [][2]string // what the tests' servers have logged of forwards: "forward" or "listen", and where
	told    int         // how much they and the witness have told of so far
}

// inetdResource is the resource that inetd serves; the other is the tests' own listener.
const inetdResource = "suite-inetd"

func (s *opensshStore) protocol() string { return "ssh" }

func (s *opensshStore) start(_ context.Context, dir string, _ map[string]string) error {
	me, err := user.Current()
	if err != nil {
		return fmt.Errorf("find this process's user: %w", err)
	}
	s.account = me.Username
	if s.port, err = servers.FreePort(); err != nil {
		return err
	}
	if s.witness, err = newSSHWitness(filepath.Join(dir, "witness")); err != nil {
		return err
	}
	s.inetd, err = startInetd(filepath.Join(dir, "regress"))
	return err
}

func (s *opensshStore) stop() error { return s.inetd.stop() }

func (s *opensshStore) direct() door {
	return door{host: "127.0.0.1", port: strconv.Itoa(s.port), user: s.account}
}

// resourceFlags name variables as the tests' own sshd does, which takes no others.
func (s *opensshStore) resourceFlags() []string { return []string{"--env", "*"} }

func (s *opensshStore) makeDatabase(context.Context, string, []string) error { return nil }

func (s *opensshStore) env(d door) []string { return d.sshEnv() }

func (s *opensshStore) textsOf(e *audit.Event, text string) []string {
	return s.witness.textsOf(e, text)
}

// compare looks for each place that was listened at once: what comes through a forward goes by no gateway, and may ask to listen, too.
func (s *opensshStore) compare(r *record, recorded *texts) error {
	for _, a := range s.asked {
		if a[0] == "listen" {
			r.expectOnce(recorded, a[0]+" "+a[1])
		} else {
			r.expect(recorded, a[0]+" "+a[1])
		}
	}
	return s.witness.compare(r, recorded)
}

// opensshAsked is what sshd logs of a forward.
var opensshAsked = regexp.MustCompile(`(?m) (?:server_request_direct_(?:tcpip|streamlocal): originator \S* port \d+, target|server_input_global_request: ` +
	`(?:tcpip|streamlocal)-forward (listen)(?: path)?) (\S+)(?: port (\d+))?\r?$`)

// readLog takes in what the servers of a test have logged, and says how much it and the witness have told of in this test.
func (s *opensshStore) readLog() (told int, err error) {
	log, err := readIfThere(s.inetd.log())
	if err != nil {
		return 0, err
	}
	for _, found := range opensshAsked.FindAllSubmatch(log, -1) {
		what, at := cmp.Or(string(found[1]), "forward"), string(found[2])
		if len(found[3]) > 0 {
			at = net.JoinHostPort(at, string(found[3]))
		}
		s.asked = append(s.asked, [2]string{what, at})
	}
	keys, err := s.witness.told()
	before := s.told
	s.told = len(s.asked) + len(keys)
	return s.told - before, err
}

// inetd runs an sshd for each connection, with the configuration that a test has written for its own ones.
type inetd struct {
	dir      string // of the tests
	listener net.Listener
	running  sync.WaitGroup
}

func startInetd(dir string) (*inetd, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	i := &inetd{dir: dir, listener: l}
	i.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			i.running.Go(func() { i.serve(conn.(*net.TCPConn)) })
		}
	})
	return i, nil
}

// log is the file to which all servers of a test write.
func (i *inetd) log() string { return filepath.Join(i.dir, "servers.log") }

// serve runs an sshd, which has pipes and no address, as where the tests run it by ProxyCommand. What becomes of it is the test's matter.
func (i *inetd) serve(conn *net.TCPConn) {
	defer conn.Close()
	cmd := exec.Command("/usr/sbin/sshd", "-i", "-f", filepath.Join(i.dir, "sshd_proxy"), "-E", i.log())
	in, err := cmd.StdinPipe()
	if err != nil {
		return
	}
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return
	}
	i.running.Go(func() {
		_, _ = io.Copy(in, conn)
		_ = in.Close()
	})
	_, _ = io.Copy(conn, out)
	_ = conn.Close() // which ends the other direction
	_ = cmd.Wait()
}

// stop waits for the connections: the gateway, which has opened them, has ended.
func (i *inetd) stop() error {
	err := i.listener.Close()
	i.running.Wait()
	return err
}

// opensshLimit ends a single test. The longest, rekey, takes minutes, and a quarter of an hour where much else runs.
const opensshLimit = 25 * time.Minute

// runOpenSSH runs OpenSSH's own tests, each of which is a script.
func runOpenSSH(ctx context.Context, j *job, tests []string) (map[string]result, error) {
	s := j.store.(*opensshStore)
	obj := s.inetd.dir
	if err := errors.Join(os.MkdirAll(separation, 0o755), os.CopyFS(obj, os.DirFS(filepath.Join(j.cache, "openssh")))); err != nil {
		return nil, fmt.Errorf("lay out OpenSSH's tests: %w", err)
	}
	programs := filepath.Join(j.dir, "programs")
	if err := layOutPrograms(programs); err != nil {
		return nil, err
	}
	if err := j.diversions(ctx, s, programs); err != nil {
		return nil, err
	}
	variables := append([]string{"OBJ=" + obj, "SERVERS_LOG=" + s.inetd.log(), "TEST_SSH_SFTPSERVER=" + sftpServer}, j.door.personEnv()...)
	environment := "export " + strings.Join(variables, " ") + "\nbin=/usr/bin\n"
	if err := os.WriteFile(filepath.Join(programs, "environment"), []byte(environment), 0o644); err != nil {
		return nil, fmt.Errorf("write environment: %w", err)
	}
	env := append(cleanEnv("SSH_"), "TEST_SHELL=sh", "BUILDDIR="+obj, "TEST_SSH_PORT="+j.direct().port, "TEST_SSH_UNSAFE_PERMISSIONS=1",
		"TEST_SSH_SSH="+filepath.Join(programs, "ssh"), "TEST_SSH_SFTP="+filepath.Join(programs, "sftp"), "TEST_SSH_SCP="+filepath.Join(programs, "scp"), "TEST_SSH_SSHD="+filepath.Join(programs, "sshd"),
		"TEST_SSH_SFTPSERVER="+sftpServer, "TEST_SSH_SSHD_CONFOPTS="+strings.Join(s.witness.config(j.dir), "\n"))
	results := make(map[string]result)
	for _, test := range tests {
		if len(j.tests) > 0 && !slices.Contains(j.tests, test) {
			continue
		}
		var err error
		if results[test], err = j.opensshTest(ctx, obj, test, env); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// separation is sshd's directory, which Debian's service makes at each start.
const separation = "/run/sshd"

func layOutPrograms(dir string) error {
	programs, err := fs.Sub(opensshPrograms, "openssh")
	if err == nil {
		err = os.CopyFS(dir, programs)
	}
	for _, name := range []string{"ssh", "scp", "sftp", "sshd"} {
		err = errors.Join(err, os.Chmod(filepath.Join(dir, name), 0o755)) // an embedded file has no such mode
	}
	if err != nil {
		return fmt.Errorf("lay out programs: %w", err)
	}
	return nil
}

func (j *job) direct() door { return j.store.direct() }

// diversions writes the options by which ssh goes by the door instead of directly: to what listens, and to inetd.
func (j *job) diversions(ctx context.Context, s *opensshStore, programs string) error {
	if j.door.key == "" && j.door.home == "" { // nobody has signed in, and nobody has a key: it is the tests' own
		return nil
	}
	_, err := j.sally.Run(ctx, nil, append([]string{"admin", "resources", "add", inetdResource, "--protocol", "ssh", "--address", s.inetd.listener.Addr().String(),
		"--account", s.account + "=suite"}, s.resourceFlags()...)...)
	if err != nil {
		return err
	}
	config, err := os.ReadFile(j.door.config)
	if err != nil {
		return fmt.Errorf("read ssh_config: %w", err)
	}
	var options []string
	for line := range strings.Lines(string(config)) {
		// The name of the block, and what would keep the agent from being forwarded, are left out.
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !strings.HasPrefix(line, "Host ") && !strings.HasPrefix(line, "IdentityAgent ") {
			options = append(options, line)
		}
	}
	listening := strings.Join(append(options, j.door.overrides()...), "\n") + "\n"
	for name, text := range map[string]string{"port-" + j.direct().port: listening, "inetd": strings.ReplaceAll(listening, resource, inetdResource)} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write options: %w", err)
		}
	}
	return nil
}

// overrides are options against those of the tests' own configurations.
func (d door) overrides() []string {
	if d.home != "" {
		return []string{"GlobalKnownHostsFile none"}
	}
	return []string{"GlobalKnownHostsFile none", "ProxyCommand none", "HostKeyAlias " + d.host}
}

// opensshTest runs one test and keeps what it printed, and its logs when it fails.
func (j *job) opensshTest(ctx context.Context, obj, test string, env []string) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, opensshLimit)
	defer cancel()
	of := *j
	of.logs = filepath.Join(j.logs, test)
	s := j.store.(*opensshStore)
	if err := errors.Join(os.RemoveAll(s.inetd.log()), os.MkdirAll(of.logs, 0o755)); err != nil {
		return "", fmt.Errorf("lay out %s: %w", test, err)
	}
	begun := time.Now()
	out, err := of.commandEnv(ctx, obj, env, "sh", filepath.Join(obj, "test-exec.sh"), obj, filepath.Join(obj, test+".sh"))
	if err != nil && ctx.Err() == nil {
		return "", err
	}
	how := opensshResult(string(out))
	told, err := s.readLog()
	if err != nil {
		return "", err
	}
	fmt.Printf("  %s: %s (%.0f s; the servers told of %d)\n", test, how, time.Since(begun).Seconds(), told)
	if how != failed {
		return how, nil
	}
	for _, log := range []string{"regress.log", "ssh.log", "servers.log", "failed-regress.log", "failed-ssh.log"} {
		if b, err := os.ReadFile(filepath.Join(obj, log)); err == nil {
			if err := os.WriteFile(filepath.Join(of.logs, log), b, 0o644); err != nil {
				return "", fmt.Errorf("keep log: %w", err)
			}
		}
	}
	return failed, nil
}

// opensshEnd is the last that a test says of itself.
var opensshEnd = regexp.MustCompile(`(?m)^(ok |failed |SKIPPED: |skipped \()`)

// opensshResult reads how a test ended in what it printed.
func opensshResult(out string) result {
	ends := opensshEnd.FindAllString(out, -1)
	if len(ends) == 0 {
		return failed
	}
	switch ends[len(ends)-1] {
	case "ok ":
		return passed
	case "failed ":
		return failed
	}
	return skipped
}
