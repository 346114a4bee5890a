package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ErrMissing is wrapped by the errors of the Run functions when a server is not installed on this machine.
var ErrMissing = errors.New("server is not installed")

// Command says what to start.
type Command struct {
	// Path and Args are the program and its arguments, without the program's name.
	Path string
	Args []string
	// Env is the whole environment; nil means that of this process.
	Env []string
	// Dir is the working directory.
	Dir string
	// LogFile receives standard output and standard error, appended.
	LogFile string
	// Namespace is the network namespace to run in, by its name in /run/netns; empty means this process's. It needs root.
	Namespace string
	// User is the system user to run as when this process is root; empty means this process's user.
	User string
	// StopSignal asks the program to end; zero means SIGTERM.
	StopSignal syscall.Signal
	// DeathSignal is what the program gets when this process dies; zero means SIGKILL.
	DeathSignal syscall.Signal
}

// Process is a running program.
type Process struct {
	command Command
	cmd     *exec.Cmd
	done    chan struct{}
	err     error
}

// capDACOverride is CAP_DAC_OVERRIDE of linux/capability.h: a server that runs as another user may then use a
// directory that lies below one which that user may not enter, such as a home directory.
const capDACOverride = 1

// Start starts a program. It is ended by Stop or Kill, or by the kernel when this process dies.
func Start(c Command) (*Process, error) {
	log, err := os.OpenFile(c.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", filepath.Base(c.Path), err)
	}
	defer log.Close()
	cmd, err := commandAs(context.Background(), c.User, c.Path, c.Args...)
	if err != nil {
		return nil, err
	}
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = c.Env, c.Dir, log, log
	cmd.SysProcAttr.Setpgid = true // an interrupt at the terminal is for us alone: we end the program in order
	cmd.SysProcAttr.Pdeathsig = c.DeathSignal
	if c.DeathSignal == 0 {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	p := &Process{command: c, cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The death signal is sent when the starting thread ends, so that thread waits with the program.
		runtime.LockOSThread()
		var err error
		if c.Namespace == "" {
			defer runtime.UnlockOSThread()
		} else {
			err = EnterNamespace(c.Namespace) // the thread ends with this goroutine
		}
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(c.Path), err)
	}
	return p, nil
}

// EnterNamespace moves the calling goroutine's thread to a network namespace. The goroutine must be locked to it, and
// must end without unlocking it, so that nothing else runs there.
func EnterNamespace(name string) error {
	file, err := os.Open(filepath.Join("/run/netns", name))
	if err != nil {
		return fmt.Errorf("open network namespace: %w", err)
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", name, err)
	}
	return nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the program ended: nil for exit code 0. It is to be read after Done.
func (p *Process) Err() error { return p.err }

// Signal sends a signal to the program.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", filepath.Base(p.command.Path), err)
	}
	return nil
}

// Pause stops the program where it is and returns when none of its threads runs any more: the signal alone reaches them
// one after the other, and one that is still running may answer.
func (p *Process) Pause() error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return p.waitUntil(p.paused, 5*time.Second)
}

// Resume ends Pause.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// paused says whether the kernel shows every thread as stopped.
func (p *Process) paused() bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.PID()))
	if err != nil || len(threads) == 0 {
		return false
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if errors.Is(err, os.ErrNotExist) {
			continue // it has ended meanwhile
		}
		_, after, found := strings.Cut(string(stat), ") ") // the name before it may hold anything
		if err != nil || !found || !strings.HasPrefix(after, "T") {
			return false
		}
	}
	return true
}

// Kill ends the program at once and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// killGroup is Kill for the program and all that it has started.
func (p *Process) killGroup() error {
	if err := syscall.Kill(-p.PID(), syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", filepath.Base(p.command.Path), err)
	}
	<-p.done
	return nil
}

// Stop asks the program to end and waits until it is gone; past the grace period it is killed.
func (p *Process) Stop(grace time.Duration) error {
	s := p.command.StopSignal
	if s == 0 {
		s = syscall.SIGTERM
	}
	if err := p.Signal(s); err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return p.Kill()
	}
}

// commandAs prepares a program to run as the named user, if this process may choose.
func commandAs(ctx context.Context, name, path string, args ...string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if name == "" || os.Geteuid() != 0 {
		return cmd, nil
	}
	uid, gid, err := userIDs(name)
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	cmd.SysProcAttr.AmbientCaps = []uintptr{capDACOverride}
	return cmd, nil
}

// userIDs are the numeric user and group id of a system user.
func userIDs(name string) (uid, gid int, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0, fmt.Errorf("look up system user %s: %w", name, err)
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, fmt.Errorf("read id of user %s: %w", name, err)
	}
	if gid, err = strconv.Atoi(u.Gid); err != nil {
		return 0, 0, fmt.Errorf("read group of user %s: %w", name, err)
	}
	return uid, gid, nil
}

// giveTo makes the named user the owner of a path when this process is root.
func giveTo(name, path string) error {
	if name == "" || os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := userIDs(name)
	if err != nil {
		return err
	}
	if err := os.Lchown(path, uid, gid); err != nil {
		return fmt.Errorf("give %s to %s: %w", path, name, err)
	}
	return nil
}

// FreePort finds a loopback TCP port that nobody listens on. Another process may take it before it is used, so
// a caller that fails to bind tries again with another.
func FreePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("release free port: %w", err)
	}
	return port, nil
}

// onFreePort calls start, which listens where FreePort says, again when that port was taken meanwhile.
func onFreePort(start func() error) error {
	const tries = 5
	for try := 1; ; try++ {
		err := start()
		if err == nil || try == tries || !strings.Contains(strings.ToLower(err.Error()), "address already in use") {
			return err
		}
	}
}

// CacheDir is where servers that are built or prepared once a machine are kept: $XDG_CACHE_HOME/sallyport/servers.
func CacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache directory: %w", err)
	}
	dir := filepath.Join(base, "sallyport", "servers")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make cache directory: %w", err)
	}
	return dir, nil
}

// Missing ends a test whose server is not installed: it fails when CI=true, else it is skipped with one line
// that names the server and the command that gets it.
func Missing(t testing.TB, server, command string) {
	t.Helper()
	message := fmt.Sprintf("*** %s is not installed on this machine; get it with: %s", server, command)
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	fmt.Fprintf(os.Stderr, "%s (skipping %s)\n", message, t.Name())
	t.Skip(message)
}

// waitUntil calls ready every few milliseconds until it says yes, fails, or the program ends or the time is over.
func (p *Process) waitUntil(ready func() bool, limit time.Duration) error {
	name := filepath.Base(p.command.Path)
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it was ready (%s)\n%s", name, p.cmd.ProcessState, tail(p.command.LogFile, 20))
		case <-deadline.C:
			return fmt.Errorf("%s was not ready within %s\n%s", name, limit, tail(p.command.LogFile, 20))
		case <-tick.C:
		}
	}
	return nil
}
