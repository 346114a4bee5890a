package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestMain is the program itself when a test's command starts the agent.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "agent" {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

// command is one run of the program, in this process.
type command struct {
	out, notes string // stdout, stderr
	err        error
}

// shared is a terminal: several may write to it at once.
type shared struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func runSally(ctx context.Context, stdin string, args ...string) command {
	var out, notes shared
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&notes)
	err := root.ExecuteContext(ctx)
	return command{out: out.text.String(), notes: notes.text.String(), err: err}
}

// machine is a machine on which a server runs, and which is its own engineer's too.
type machine struct {
	t    testing.TB
	ctx  context.Context
	data string // the server's data directory
	web  string // the server's base URL
	link string // the first admin's path, /sign-in#...
}

// watched passes on what is written and hands over the whole text once it matches.
type watched struct {
	text  bytes.Buffer
	until *regexp.Regexp
	found chan []string // the match, once
}

func watch(pattern string) *watched {
	return &watched{until: regexp.MustCompile(pattern), found: make(chan []string, 1)}
}

func (w *watched) Write(p []byte) (int, error) {
	w.text.Write(p)
	if w.until == nil {
		return len(p), nil
	}
	if match := w.until.FindStringSubmatch(w.text.String()); match != nil {
		w.until = nil
		w.found <- match
	}
	return len(p), nil
}

// background runs a command until the test ends and gives what pattern finds in its output.
func background(t testing.TB, pattern string, args ...string) []string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out := watch(pattern)
	ended := make(chan error, 1)
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(io.Discard)
	go func() { ended <- root.ExecuteContext(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("sally %s: %v", strings.Join(args, " "), err)
		}
	})
	select {
	case match := <-out.found:
		return match
	case err := <-ended:
		ended <- nil
		t.Fatalf("sally %s ended: %v", strings.Join(args, " "), err)
		return nil
	}
}

// newMachine starts a server on free ports, with everything that it and the client keep in directories of the test's.
func newMachine(t testing.TB) *machine {
	t.Helper()
	for _, name := range []string{"SALLY_SERVER", "SALLY_TOKEN", "SALLY_PROFILE", "SALLY_CONFIG"} {
		t.Setenv(name, "")
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("SALLY_KEYRING", "off") // the keyring is the developer's own
	t.Cleanup(func() { runSally(context.Background(), "", "agent", "stop", "--now") })
	m := &machine{t: t, ctx: t.Context(), data: filepath.Join(t.TempDir(), "data")}
	t.Setenv("SALLY_DATA_DIR", m.data)
	match := background(t, `(http://\S+)(/sign-in#\S+)`, "server", "--listen-web", "127.0.0.1:0", "--listen-tunnel", "127.0.0.1:0",
		"--listen-postgres", "127.0.0.1:0", "--listen-mysql", "127.0.0.1:0", "--listen-redis", "127.0.0.1:0", "--listen-ssh", "127.0.0.1:0")
	m.web, m.link = match[1], match[2]
	return m
}

// address is where the server's entrance listens.
func (m *machine) address(entrance string) string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.data, addressesFile))
	if err != nil {
		m.t.Fatal(err)
	}
	return decodeJSON[map[string]string](m.t, string(text))[entrance]
}

// sally runs a command that has to succeed, and gives what it prints.
func (m *machine) sally(stdin string, args ...string) string {
	m.t.Helper()
	c := runSally(m.ctx, stdin, args...)
	if c.err != nil {
		m.t.Fatalf("sally %s: %v", strings.Join(args, " "), c.err)
	}
	return c.out
}

// refuse runs a command that has to fail with the words.
func (m *machine) refuse(words string, stdin string, args ...string) {
	m.t.Helper()
	c := runSally(m.ctx, stdin, args...)
	if c.err == nil || !strings.Contains(c.err.Error(), words) {
		m.t.Errorf("sally %s: error %v, want %q", strings.Join(args, " "), c.err, words)
	}
}

// object runs a command with -o json and decodes what it prints.
func (m *machine) object(args ...string) map[string]any {
	m.t.Helper()
	return decodeJSON[map[string]any](m.t, m.sally("", append(args, "-o", "json")...))
}

func decodeJSON[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return v
}

// Other users of a machine see arguments, so no flag may take a secret as its value.
func TestNoFlagTakesASecret(t *testing.T) {
	secret := regexp.MustCompile(`password|passphrase|token|secret`)
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if secret.MatchString(f.Name) && !strings.HasSuffix(f.Name, "-file") && f.Value.Type() != "bool" {
				t.Errorf("%s --%s takes a value", cmd.CommandPath(), f.Name)
			}
		})
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(newRootCommand())
}

// Every command says what it does, and an example that it shows is one that it understands.
func TestExamplesAreUnderstood(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Short == "" {
			t.Errorf("%s has no description", cmd.CommandPath())
		}
		for _, line := range strings.Split(strings.ReplaceAll(cmd.Example, "\\\n", " "), "\n") {
			before, line, found := strings.Cut(line, "sally ")
			if !found || strings.HasSuffix(before, "'") { // another program's argument
				continue
			}
			checkExample(t, cmd.CommandPath(), line)
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(newRootCommand())
}

// checkExample parses an example's words with the flags of the command that they name.
func checkExample(t *testing.T, where, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " < ")
	line, _, _ = strings.Cut(line, " > ")
	line, _, _ = strings.Cut(line, " >> ")
	line, _, _ = strings.Cut(line, "  ")
	line, _, _ = strings.Cut(line, " && ")
	line = strings.TrimSuffix(line, ")")
	found, rest, err := newRootCommand().Find(exampleWords(line))
	if err != nil {
		t.Errorf("%s: %q: %v", where, line, err)
		return
	}
	if err := found.ParseFlags(rest); err != nil {
		t.Errorf("%s: %q: %v", where, line, err)
		return
	}
	if err := found.ValidateArgs(found.Flags().Args()); err != nil {
		t.Errorf("%s: %q: %v", where, line, err)
	}
}

// exampleWords splits as a shell does, as far as examples go: quotes of either kind keep a word together.
func exampleWords(line string) []string {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if quote := line[0]; quote == '\'' || quote == '"' {
			word, rest, _ := strings.Cut(line[1:], string(quote))
			words, line = append(words, word), rest
			continue
		}
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		words, line = append(words, line[:end]), line[end:]
	}
	return words
}

// grep says which files below dir hold the text.
func grep(t *testing.T, dir, text string) (holders []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(content, []byte(text)) {
			holders = append(holders, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return holders
}

func TestInterruptionsAreSaidInWords(t *testing.T) {
	ctx, interrupt := context.WithCancelCause(t.Context())
	call := fmt.Errorf("call sally.acme.com: %w", context.Canceled)
	if got := inWords(ctx, call); got != "call sally.acme.com: context canceled" {
		t.Errorf("before: %q", got)
	}
	signalled := errors.New("interrupt signal received")
	interrupt(signalled)
	for _, err := range []error{call, context.Canceled, signalled} {
		if got := inWords(ctx, err); got != "interrupted" {
			t.Errorf("%v: %q", err, got)
		}
	}
	if got := inWords(ctx, errors.New("the disk is full")); got != "the disk is full" {
		t.Errorf("something else: %q", got)
	}
}
