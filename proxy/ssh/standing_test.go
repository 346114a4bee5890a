package ssh

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

// TestRulesChangeUnderAShell takes away what an open shell, command or terminal was let by: nothing of what comes then passes, and it ends.
func TestRulesChangeUnderAShell(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	for name, test := range map[string]struct {
		class, command string // empty: a shell
		terminal       bool
	}{
		"shell":    {access.ClassShell, "", false},
		"terminal": {access.ClassShell, "", true},
		"command":  {access.ClassExec, "cat", false},
	} {
		t.Run(name, func(t *testing.T) {
			g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{test.class}}})
			s, err := g.connect(t).NewSession()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var errs bytes.Buffer
			s.Stderr = &errs
			stdin, inErr := s.StdinPipe()
			stdout, err := s.StdoutPipe()
			if err = errors.Join(err, inErr); err != nil {
				t.Fatal(err)
			}
			if test.terminal {
				if err := s.RequestPty("xterm", 24, 80, ssh.TerminalModes{}); err != nil {
					t.Fatal(err)
				}
			}
			if test.command == "" {
				err = s.Shell()
			} else {
				err = s.Start(test.command)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(stdin, "echo be''fore\n")
			out := bufio.NewReader(stdout)
			if words, err := out.ReadString('f'); err != nil {
				t.Fatalf("%q, %v", words, err)
			}
			g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{"read"}}})
			_, _ = io.WriteString(stdin, "echo af''ter\n")
			var exit *ssh.ExitError
			rest, _ := io.ReadAll(out)
			if err := s.Wait(); !errors.As(err, &exit) || exit.ExitStatus() != exitDenied {
				t.Errorf("it ends by %v", err)
			}
			if strings.Contains(string(rest), "ter") || !strings.Contains(errs.String(), "sallyport: ") {
				t.Errorf("stdout %q, stderr %q", rest, errs.String())
			}
		})
	}
}

// listen gives a port that forwards may go to.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// TestRulesChangeUnderAForward does so to a connection that goes on from the server.
func TestRulesChangeUnderAForward(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	g.Govern(t, everything())
	l := listen(t)
	got := make(chan []byte, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("hello"))
		all, _ := io.ReadAll(conn)
		got <- all
	}()
	conn, err := g.connect(t).Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{access.ClassExec}}})
	_, _ = conn.Write([]byte("what may not pass"))
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes came", n)
	}
	if all := <-got; len(all) > 0 {
		t.Errorf("%q has passed", all)
	}
	g.result(t, l.Addr().String(), func(e audit.Event) bool { return e.ErrorMessage != "" })
	g.find(t, func(e audit.Event) bool { return e.Statement.String() == l.Addr().String() && e.Verdict == audit.Deny })
}

// TestRulesChangeUnderWhatIsIdle ends a shell and a forward through which nothing passes.
func TestRulesChangeUnderWhatIsIdle(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	g.Govern(t, everything())
	l := listen(t)
	client := g.connect(t)
	forward, err := client.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer forward.Close()
	s, _, shows := shell(t, client)
	if err := s.Start("PS1='$ ' exec sh"); err != nil {
		t.Fatal(err)
	}
	until(t, shows, "$ ")
	time.Sleep(3 * judgedFor / 2) // it is looked at more than once
	ended := make(chan error, 2)
	go func() { ended <- s.Wait() }()
	go func() {
		_, err := forward.Read(make([]byte, 1))
		ended <- err
	}()
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{"read"}}})
	for range 2 {
		select {
		case err := <-ended:
			if err == nil {
				t.Error("it ended as if nothing had happened")
			}
		case <-time.After(20 * time.Second):
			t.Fatal("it goes on")
		}
	}
	g.result(t, l.Addr().String(), func(e audit.Event) bool { return e.ErrorMessage != "" })
	g.find(t, func(e audit.Event) bool { return e.Statement.String() == "PS1='$ ' exec sh" && e.Verdict == audit.Deny })
}

// TestStandingIsJudgedAgain wants a statement judged once a review has come or its time is over, and never again once it was denied.
func TestStandingIsJudgedAgain(t *testing.T) {
	var judged int
	var reviews uint64
	var denial error
	s := &standing{check: func() error { judged++; return denial }, reviews: func() uint64 { return reviews }, at: time.Now().Add(time.Hour)}
	step := func(want int, what string) {
		t.Helper()
		if err := s.still(); !errors.Is(err, denial) || judged != want {
			t.Errorf("%s: %v, judged %d times", what, err, judged)
		}
	}
	step(0, "at once")
	reviews++
	step(1, "after a review")
	s.at = time.Now().Add(-judgedFor)
	step(2, "after its time")
	denial = &access.Denial{Sentence: "your grant has ended"}
	reviews++
	step(3, "denied")
	reviews++
	step(3, "after that")
	if !errors.Is(s.over(), denial) {
		t.Errorf("over by %v", s.over())
	}
}

// TestWhatIsOverIsNotJudged has the last look at a statement come late.
func TestWhatIsOverIsNotJudged(t *testing.T) {
	judged := 0
	s := &standing{check: func() error { judged++; return errGone }, reviews: func() uint64 { return 1 }}
	s.watched(func() { t.Error("it is ended") })
	s.unwatched()
	if err := s.look(); err != nil || judged > 0 {
		t.Errorf("%v, judged %d times", err, judged)
	}
}

// TestPanicInAJudgement ends the connection, and not the gateway.
func TestPanicInAJudgement(t *testing.T) {
	told := make(chan error, 2)
	s := &standing{check: func() error { panic("of a rule") }, reviews: func() uint64 { return 1 }, fail: func(err error) { told <- err }}
	s.watched(func() { told <- nil })
	var panicked *proxy.Panicked
	if err := <-told; !errors.As(err, &panicked) || !errors.As(s.over(), &panicked) {
		t.Errorf("told of %v, over by %v", err, s.over())
	}
	if err := <-told; err != nil {
		t.Errorf("told of %v before its end", err)
	}
}

// TestRulesChangeBeforeTheServerAnswers takes away what a command was let by while the server takes its time to begin it.
func TestRulesChangeBeforeTheServerAnswers(t *testing.T) {
	server := startListener(t)
	server.mute = true
	g := startBefore(t, server, access.ClassExec)
	c := g.connect(t)
	ended := make(chan error, 1)
	go func() {
		_, err := run(c, "id", nil)
		ended <- err
	}()
	server.await(t, requestExec)
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{"read"}}})
	var exit *ssh.ExitError
	if err := <-ended; !errors.As(err, &exit) || exit.ExitStatus() != exitDenied || !strings.Contains(err.Error(), "role developers") {
		t.Errorf("it ends by %v", err)
	}
}

// stuckConn reads nothing more once it is stuck.
type stuckConn struct {
	net.Conn
	stuck, over chan struct{}
}

func (c *stuckConn) Read(b []byte) (int, error) {
	select {
	case <-c.stuck:
		<-c.over
	default:
	}
	return c.Conn.Read(b)
}

// TestRulesChangeUnderAForwardOfOneWhoReadsNothing ends a forward at the server, though the client does not hear of it.
func TestRulesChangeUnderAForwardOfOneWhoReadsNothing(t *testing.T) {
	server := startListener(t)
	server.flood = true
	g := startBefore(t, server, access.ClassExec, access.ClassForward)
	conn, err := net.Dial("tcp", g.Native)
	if err != nil {
		t.Fatal(err)
	}
	stuck := &stuckConn{Conn: conn, stuck: make(chan struct{}), over: make(chan struct{})}
	client, channels, requests, err := ssh.NewClientConn(stuck, g.Native, &ssh.ClientConfig{User: proxytest.User + "#" + g.Store.Name,
		HostKeyCallback: ssh.FixedHostKey(hostKey.PublicKey()), Auth: []ssh.AuthMethod{ssh.PublicKeys(keyOf(proxytest.Token))}})
	if err != nil {
		t.Fatal(err)
	}
	c := ssh.NewClient(client, channels, requests)
	defer c.Close()
	defer close(stuck.over)
	if _, err := c.Dial("tcp", "127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	var open []ssh.Channel
	for range 16 { // which show more than fits into the buffers on the way
		channel, requests, err := c.OpenChannel(channelSession, nil)
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(requests)
		open = append(open, channel)
	}
	close(stuck.stuck)
	for _, channel := range open {
		_, _ = channel.SendRequest(requestExec, false, ssh.Marshal(textRequest{"id"}))
	}
	server.awaitStill()
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{access.ClassExec}}})
	server.await(t, "closed")
}
