package ssh

import (
	"context"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/test/servers"
)

func TestOpenSSHExec(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	args := g.openssh(t)
	out, errs, status := g.ssh(t, strings.NewReader("from stdin"), append(args, "127.0.0.1", "cat; echo to stderr >&2; exit 7")...)
	if out != "from stdin" || errs != "to stderr\n" || status != 7 {
		t.Errorf("stdout %q, stderr %q, status %d", out, errs, status)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	events := g.events(t, ctx, 4)
	if e := events[1]; e.Statement.String() != "cat; echo to stderr >&2; exit 7" || e.Class != "exec" || e.Command != "exec" {
		t.Errorf("statement %+v", e)
	}
	if e := events[2]; e.Tag != "exit 7" || e.BytesIn != 10 || e.BytesOut != 20 {
		t.Errorf("result %+v", e)
	}
}
