package main

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// Programs that run sally ssh in ssh's place have to know by its status that nothing was reached.
func TestSSHThatDoesNotConnectEndsAsSSHDoes(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("SALLY_KEYRING", "off")
	for args, words := range map[string]string{"web-1 true": "sally login", "-v": "name a server"} {
		c := runSally(t.Context(), "", append([]string{"ssh"}, strings.Fields(args)...)...)
		if c.err == nil || c.err.Error() != "exit status 255" || !strings.Contains(c.notes, words) || c.out != "" {
			t.Errorf("sally ssh %s: %v, %q, %q", args, c.err, c.notes, c.out)
		}
	}
}

// Ctrl-C in a terminal reaches ssh and what it runs at once.
func TestWhatSSHRunsIsSilentWhenInterrupted(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	ctx, interrupt := context.WithCancel(t.Context())
	if c := runSally(ctx, "", "ssh-proxy", "web-1"); c.err == nil || !strings.Contains(c.err.Error(), "sally login") {
		t.Errorf("before: %v", c.err)
	}
	interrupt()
	if c := runSally(ctx, "", "ssh-proxy", "web-1"); !errors.Is(c.err, exitUnconnected) {
		t.Errorf("afterwards: %v", c.err)
	}
}
