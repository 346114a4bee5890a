package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/test/servers"
)

// The entrances.
const (
	direct = "direct"
	tunnel = "tunnel"
	native = "native"
)

const (
	person   = "alice@acme.com"
	resource = "suite-db"

	tunnelStartLimit = 15 * time.Second
	tunnelStopGrace  = 10 * time.Second
)

// store is a server that suites run at, and that tells all that it ran.
type store interface {
	protocol() string
	// start starts it below dir. The context bounds the start alone.
	start(ctx context.Context, dir string, config map[string]string) error
	stop() error
	// direct is the way to it without the gateway, for the account that the suites use; its database is empty.
	direct() door
	// resourceFlags are those of `sally admin resources add` beside address and account.
	resourceFlags() []string
	// makeDatabase makes a database and runs statements in it.
	makeDatabase(ctx context.Context, name string, setup []string) error
	// env is the environment that its own programs find a door by.
	env(d door) []string
	// textsOf are the keys by which compare looks for a recorded statement.
	textsOf(e *audit.Event, text string) []string
	// compare takes what the store says that it ran into account.
	compare(r *record, recorded *texts) error
}

// stores are the kinds of store.
var stores = map[string]func() store{
	"postgres": func() store { return &postgresStore{} },
	"mariadb":  func() store { return &mariaStore{} },
	"redis":    func() store { return &redisStore{} },
	"ssh":      func() store { return &sshStore{} },
	"openssh":  func() store { return &opensshStore{} },
}

// world is a store that logs every statement, and a gateway before it.
type world struct {
	dir   string
	bin   string
	store store
	sally *servers.Sally
	token string

	tunnel *servers.Process
}

// door is one way to the store, as a client is told it.
type door struct {
	host, port, user, password, database string
	// SSH's: files with the private key that opens it, with those that may answer there, and an ssh_config that leads there.
	key, known, config string
	home               string // of the person who is signed in; empty: nobody is
}

// openWorld starts both, and makes a person who may do everything in the store.
func openWorld(ctx context.Context, dir, bin string, s store, config map[string]string) (*world, error) {
	w := &world{dir: dir, bin: bin, store: s}
	if err := s.start(ctx, dir, config); err != nil {
		return nil, err
	}
	var err error
	if w.sally, err = servers.RunSally(ctx, bin, filepath.Join(dir, "data")); err != nil {
		return nil, errors.Join(fmt.Errorf("start sally: %w", err), s.stop())
	}
	if err := w.onboard(ctx); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) onboard(ctx context.Context) error {
	d := w.store.direct()
	add := []string{"resources", "add", resource, "--protocol", w.store.protocol(), "--address", d.address(), "--account", d.user + "=suite"}
	role := []string{"roles", "add", "tester", "--resource", "*", "--account", d.user}
	credential := []string{"credentials", "add", "suite"}
	if w.store.protocol() == "ssh" {
		credential = append(credential, "--engine", "ssh-ca")
		role = append(role, "--class", strings.Join(sshClasses, ","))
		if err := w.trustGateway(ctx); err != nil {
			return err
		}
	} else {
		credential = append(credential, "--username", d.user, "--password-stdin")
	}
	var out string
	for _, step := range []struct {
		stdin string
		args  []string
	}{
		{d.password, credential},
		{"", append(add, w.store.resourceFlags()...)},
		{"", role},
		{"", []string{"users", "add", person, "--role", "tester"}},
		{"", []string{"tokens", "add", person, "--expires", "24h", "-o", "json"}},
	} {
		var err error
		if out, err = w.sally.Run(ctx, strings.NewReader(step.stdin), append([]string{"admin"}, step.args...)...); err != nil {
			return err
		}
	}
	var issued struct{ Token string }
	if err := json.Unmarshal([]byte(out), &issued); err != nil {
		return fmt.Errorf("read access token: %w", err)
	}
	w.token = issued.Token
	return nil
}

// close ends what still runs.
func (w *world) close() error {
	return errors.Join(w.stopGateway(), w.store.stop())
}

// stopGateway ends the tunnel and the gateway, so that the record is complete.
func (w *world) stopGateway() error {
	var errs []error
	if w.tunnel != nil {
		errs = append(errs, w.tunnel.Stop(tunnelStopGrace))
		w.tunnel = nil
	}
	if w.sally != nil {
		errs = append(errs, w.sally.Stop())
		w.sally = nil
	}
	return errors.Join(errs...)
}

// door opens a way to the store's database.
func (w *world) door(ctx context.Context, entrance, database string) (d door, err error) {
	d = w.store.direct()
	d.database = database
	ssh := w.store.protocol() == "ssh"
	switch entrance {
	case direct:
	case native:
		d.host, d.port, err = w.sally.Native(w.store.protocol())
		d.user, d.password = person+"#"+resource, w.token
		if ssh && err == nil {
			d.user, d.password = robot+"#"+resource, ""
			d.key, err = w.sshKey(ctx)
		}
	case tunnel:
		d.host, d.password, d.key = "127.0.0.1", "", ""
		d.home = w.home()
		d.port, err = w.openTunnel(ctx)
	default:
		err = fmt.Errorf("there is no entrance named %q", entrance)
	}
	if ssh && err == nil {
		err = w.sshConfig(ctx, entrance, &d)
	}
	return d, err
}

// home is where the person's sign-in is kept.
func (w *world) home() string { return filepath.Join(w.dir, "home") }

// personEnv is how programs find the sign-in, where there is one.
func (d door) personEnv() []string {
	if d.home == "" {
		return nil
	}
	return []string{"XDG_CONFIG_HOME=" + d.home, "SALLY_KEYRING=off"}
}

// signIn signs the person in.
func (w *world) signIn(ctx context.Context) error {
	if err := os.MkdirAll(w.home(), 0o700); err != nil {
		return fmt.Errorf("make home: %w", err)
	}
	return w.asPerson(ctx, "login", "--server", "http://"+w.sally.Web, "--token-stdin")
}

// asPerson runs a command of the program as the person.
func (w *world) asPerson(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, w.bin, args...)
	cmd.Env, cmd.Stdin = append(os.Environ(), door{home: w.home()}.personEnv()...), strings.NewReader(w.token)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run sally %s: %w: %s", args[0], err, out)
	}
	return nil
}

// openTunnel signs the person in and starts the local client. It returns the local port.
func (w *world) openTunnel(ctx context.Context) (port string, err error) {
	if err := w.signIn(ctx); err != nil {
		return "", err
	}
	free, err := servers.FreePort()
	if err != nil {
		return "", err
	}
	w.tunnel, err = servers.Start(servers.Command{
		Path: w.bin, Args: []string{"connect", resource, "--foreground", "--port", strconv.Itoa(free)},
		Env: append(os.Environ(), door{home: w.home()}.personEnv()...), LogFile: filepath.Join(w.dir, "tunnel.log"),
	})
	if err != nil {
		return "", err
	}
	port = strconv.Itoa(free)
	return port, w.reach(ctx, net.JoinHostPort("127.0.0.1", port))
}

// reach waits until the local client listens.
func (w *world) reach(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, tunnelStartLimit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.DialTimeout("tcp", addr, tunnelStartLimit)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-w.tunnel.Done():
			return fmt.Errorf("the local client has ended: %w", w.tunnel.Err())
		case <-ctx.Done():
			return fmt.Errorf("reach the local client: %w", err)
		}
	}
}

// cleanEnv is this process's environment without the variables that begin so.
func cleanEnv(prefix string) []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, prefix) })
}

// url is this door as a URL.
func (d door) url(scheme string) string {
	u := url.URL{Scheme: scheme, User: url.UserPassword(d.user, d.password), Host: net.JoinHostPort(d.host, d.port), Path: "/" + d.database}
	return u.String()
}
