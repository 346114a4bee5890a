package ssh

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/test/servers"
)

// echo serves connections that get back what they send, until the test ends.
func echo(t testing.TB, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return l
}

// echoes checks that all that is sent on conn comes back, and then its end.
func checkEcho(t testing.TB, conn net.Conn) {
	t.Helper()
	defer conn.Close()
	data := make([]byte, 1<<20)
	_, _ = rand.Read(data)
	go func() {
		_, _ = conn.Write(data)
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	back, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(back, data) {
		t.Errorf("%d bytes came back, %v", len(back), err)
	}
}

func TestForward(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	g.Govern(t, everything())
	c := g.connect(t)
	tcp, socket := echo(t, "tcp", "127.0.0.1:0"), echo(t, "unix", filepath.Join(t.TempDir(), "echo"))
	for _, target := range []net.Addr{tcp.Addr(), socket.Addr()} {
		conn, err := c.Dial(target.Network(), target.String())
		if err != nil {
			t.Fatal(err)
		}
		checkEcho(t, conn)
		result := g.result(t, target.String(), func(e audit.Event) bool { return e.BytesIn == 1<<20 && e.BytesOut == 1<<20 && e.ErrorMessage == "" })
		begin := g.statement(t, target.String())
		if begin.Class != access.ClassForward || begin.Command != "forward" || len(begin.Tables) != 1 || begin.Tables[0] != target.String() {
			t.Errorf("%+v, %+v", begin, result)
		}
	}
	if _, err := c.Dial("tcp", "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "connect failed") {
		t.Errorf("where nobody listens: %v", err)
	}
	g.result(t, "127.0.0.1:1", func(e audit.Event) bool { return e.ErrorCode != "" })
}

func TestForwardDenied(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	g.Govern(t, access.Role{})
	c := g.connect(t)
	target := echo(t, "tcp", "127.0.0.1:0").Addr().String()
	if _, err := c.Dial("tcp", target); err == nil || !strings.Contains(err.Error(), "sallyport: ") || !strings.Contains(err.Error(), "forward") {
		t.Errorf("%v", err)
	}
	if e := g.statement(t, target); e.Verdict != audit.Deny || e.Reason == "" {
		t.Errorf("%+v", e)
	}
	if _, err := c.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("a port is listened at")
	}
	if e := g.statement(t, "127.0.0.1:0"); e.Verdict != audit.Deny || e.Class != access.ClassListen {
		t.Errorf("%+v", e)
	}
	s, err := c.NewSession() // says what nothing could show before
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var errs bytes.Buffer
	s.Stderr = &errs
	if err := s.Run("sleep 0.5"); err != nil || !strings.Contains(errs.String(), "listen") {
		t.Errorf("%v, %q", err, errs.String())
	}
	if _, _, err := c.OpenChannel("tun@openssh.com", []byte("whatever")); err == nil || !strings.Contains(err.Error(), "does not serve") {
		t.Errorf("a tunnel: %v", err)
	}
	if e := g.statement(t, "tun@openssh.com"); e.Verdict != audit.Deny {
		t.Errorf("%+v", e)
	}
}

// What a server could take for another place than the rules were asked about reaches none.
func TestForwardToNoPlace(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	g.Govern(t, everything())
	c := g.connect(t)
	tcp := func(host string, port uint32) []byte { return ssh.Marshal(tcpChannel{host, port, "127.0.0.1", 1}) }
	socket := func(path string) []byte { return ssh.Marshal(struct{ Path, Reserved string }{path, ""}) }
	for _, to := range []struct {
		kind, text string
		data       []byte
	}{
		{channelDirectTCP, "127.0.0.1:65558", tcp("127.0.0.1", 65536+22)},
		{channelDirectTCP, "127.0.0.1\x00.acme.com:22", tcp("127.0.0.1\x00.acme.com", 22)},
		{channelDirectTCP, "127.0.0.1 acme.com:22", tcp("127.0.0.1 acme.com", 22)},
		{channelDirectTCP, ":22", tcp("", 22)},
		{channelDirectLocal, "run/docker.sock", socket("run/docker.sock")},
		{channelDirectLocal, "db.internal:5432", socket("db.internal:5432")},
		{channelDirectLocal, "/run/docker.sock\x00/x", socket("/run/docker.sock\x00/x")},
		{channelDirectLocal, "/srv/link/../docker.sock", socket("/srv/link/../docker.sock")}, // above what the link leads to
		{channelDirectLocal, "/srv/link/..", socket("/srv/link/..")},
	} {
		if _, _, err := c.OpenChannel(to.kind, to.data); err == nil || !strings.Contains(err.Error(), "no place to forward to") {
			t.Errorf("%q: %v", to.text, err)
		}
		if e := g.statement(t, to.text); e.Verdict != audit.Deny {
			t.Errorf("%q is recorded as %+v", to.text, e)
		}
	}
	for _, path := range []string{"run/x.sock", "/run/x\x00", "/run/link/../x.sock"} {
		if ok, _, err := c.SendRequest(requestListenLocal, true, ssh.Marshal(textRequest{path})); ok || err != nil {
			t.Errorf("%q is listened at: %v", path, err)
		}
	}
	if ok, _, err := c.SendRequest(requestListenTCP, true, ssh.Marshal(tcpListen{"127.0.0.1", 1 << 16})); ok || err != nil {
		t.Errorf("a port beyond the last is listened at: %v", err)
	}
}

func TestListen(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	g.Govern(t, everything())
	c := g.connect(t)
	free, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct{ network, address string }{
		{"tcp", "127.0.0.1:0"}, {"tcp", fmt.Sprintf("127.0.0.1:%d", free)}, {"unix", filepath.Join(t.TempDir(), "listen")},
	} {
		l, err := c.Listen(at.network, at.address)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			there, err := net.Dial(at.network, l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			here, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				defer here.Close()
				_, _ = io.Copy(here, here)
			}()
			checkEcho(t, there)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if _, err := net.Dial(at.network, l.Addr().String()); err == nil && at.network == "tcp" {
			t.Error("still listened at")
		}
		if e := g.statement(t, at.address); e.Class != access.ClassListen || e.Command != "listen" {
			t.Errorf("%+v", e)
		}
		g.result(t, at.address, func(e audit.Event) bool { return e.ErrorMessage == "" })
	}
	n := 0
	for _, e := range g.Journal.Events(t) {
		if e.Command == "forwarded" && e.Class == access.ClassListen {
			n++
		}
	}
	if n != 6 {
		t.Errorf("%d connections that came in are on the record, want 6", n)
	}
}

// A client may connect to a port as soon as it has asked to listen there, as servers take all in order.
func TestListenIsAnsweredBeforeWhatComesAfterIt(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	g.Govern(t, everything())
	c := g.connect(t)
	for range 5 {
		var last int
		for range 5 {
			var err error
			if last, err = servers.FreePort(); err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.SendRequest(requestListenTCP, false, ssh.Marshal(tcpListen{"127.0.0.1", uint32(last)})); err != nil {
				t.Fatal(err)
			}
		}
		conn, err := c.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", last))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close() // nobody here serves it
	}
}

func TestOpenSSHForwards(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	g.Govern(t, everything())
	target := echo(t, "tcp", "127.0.0.1:0").Addr().String()
	out, errs, _ := g.ssh(t, strings.NewReader("through\n"), g.openssh(t, "-W", target, "127.0.0.1")...)
	if out != "through\n" {
		t.Errorf("-W: %q, %q", out, errs)
	}
	// ProxyJump, to the gateway again
	args := g.openssh(t)
	jump := "ProxyCommand=ssh " + strings.Join(quoted(args), " ") + " -W %h:%p 127.0.0.1"
	out, errs, status := g.ssh(t, nil, append(args, "-o", jump, "127.0.0.1", "echo jumped")...)
	if out != "jumped\n" || status != 0 {
		t.Errorf("jump: %q, %q", out, errs)
	}
}

func quoted(words []string) []string {
	var out []string
	for _, w := range words {
		out = append(out, "'"+w+"'")
	}
	return out
}

func TestAgent(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	c := g.connect(t)
	keys := agent.NewKeyring()
	if err := agent.ForwardToAgent(c, keys); err != nil {
		t.Fatal(err)
	}
	lists := func(role access.Role) (string, error) {
		g.Govern(t, role)
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		_ = agent.RequestAgentForwarding(s)
		out, err := s.CombinedOutput("f=$(mktemp -u); ssh-keygen -q -t ed25519 -N '' -f $f && ssh-add -q $f && ssh-add -l && ssh-add -T $f.pub && echo signed; ssh-add -D; rm -f $f $f.pub")
		return string(out), err
	}
	if out, err := lists(everything()); err != nil || !strings.Contains(out, "ED25519") || !strings.Contains(out, "signed") {
		t.Errorf("%q, %v", out, err)
	}
	g.result(t, "agent", func(e audit.Event) bool { return e.ErrorMessage == "" })
	g.result(t, "add a key", func(e audit.Event) bool { return e.BytesIn > 0 })
	g.result(t, "remove all keys", func(e audit.Event) bool { return e.BytesIn > 0 })
	g.find(t, func(e audit.Event) bool {
		return strings.HasPrefix(e.Statement.String(), "sign with ssh-ed25519 SHA256:")
	})
	if out, _ := lists(access.Role{}); strings.Contains(out, "signed") || !strings.Contains(out, "sallyport: ") || !strings.Contains(out, "agent") {
		t.Errorf("denied: %q", out)
	}
}

func TestX11(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	c := g.connect(t)
	windows := c.HandleChannelOpen(channelX11)
	asks := func(role access.Role) (*ssh.Session, bool) {
		g.Govern(t, role)
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		ok, err := s.SendRequest(requestX11, true, ssh.Marshal(struct {
			Single           bool
			Protocol, Cookie string
			Screen           uint32
		}{false, "MIT-MAGIC-COOKIE-1", strings.Repeat("0", 32), 0}))
		if err != nil {
			t.Fatal(err)
		}
		return s, ok
	}
	s, ok := asks(everything())
	if !ok {
		servers.Missing(t, "xauth, without which sshd serves no X11,", "scripts/setup.sh test")
	}
	go func() {
		for n := range windows {
			channel, requests, err := n.Accept()
			if err != nil {
				return
			}
			go ssh.DiscardRequests(requests)
			_, _ = channel.Write([]byte("window"))
			_ = channel.Close()
		}
	}()
	out, err := s.Output(`d=${DISPLAY#*:}; d=${d%.*}; exec 3<>/dev/tcp/127.0.0.1/$((6000+d)); cat <&3`)
	if err != nil || string(out) != "window" {
		t.Errorf("%q, %v", out, err)
	}
	if _, ok := asks(access.Role{}); ok {
		t.Error("windows were shown that may not be")
	}
}

func TestNobodyAsked(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	g.Govern(t, everything())
	c := g.connect(t)
	// the client may not cancel what it has not begun, and gets no channels that servers alone open
	if ok, _, err := c.SendRequest(requestUnlistenTCP, true, ssh.Marshal(tcpListen{"127.0.0.1", 22})); ok || err != nil {
		t.Error(ok, err)
	}
	for _, kind := range []string{channelAgent, channelX11, channelForwardedTCP} {
		if _, _, err := c.OpenChannel(kind, nil); err == nil {
			t.Errorf("the client opened %s", kind)
		}
	}
}
