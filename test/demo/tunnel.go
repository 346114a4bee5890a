package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// showTunnel signs alice in with the local client and runs psql through the tunnel, without any password.
func (w *world) showTunnel(ctx context.Context) error {
	s := statement{text: "select id, item, total_cents from orders where customer_id = 42 order by placed_at desc limit 3", rows: 3}
	say("\nWith the local client she needs no password at all:")
	say("  $ sally login --server http://%s --token-stdin < token", w.sally.Web)
	if out, err := w.asAlice(ctx, w.people[alice], "login", "--server", "http://"+w.sally.Web, "--token-stdin"); err != nil {
		return fmt.Errorf("sign alice in: %w: %s", err, out)
	}
	say("  $ sally psql %s -- -c %q", resource, s.text)
	out, err := w.asAlice(ctx, "", "psql", resource, "--", "-X", "--pset=pager=off", "-c", s.text)
	if err != nil {
		return fmt.Errorf("run psql through the tunnel: %w: %s", err, out)
	}
	say("%s", indent(out))
	w.done = append(w.done, s)
	return nil
}

// asAlice runs the local client with a configuration directory of hers, as on her own machine.
func (w *world) asAlice(ctx context.Context, stdin string, args ...string) (string, error) {
	return w.runAsAlice(ctx, stdin, w.sally.Bin, args...)
}

// runAsAlice runs a program as on alice's own machine.
func (w *world) runAsAlice(ctx context.Context, stdin, program string, args ...string) (string, error) {
	if err := os.MkdirAll(w.aliceHome(), 0o700); err != nil {
		return "", fmt.Errorf("make alice's directory: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(cleanEnv(), "XDG_CONFIG_HOME="+w.aliceHome())
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *world) aliceHome() string { return filepath.Join(w.dir, "alice") }
