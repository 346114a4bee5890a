package ssh

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// await waits until the server has heard what, and gives all that it has heard so far.
func (l *listener) await(t testing.TB, what string) []string {
	t.Helper()
	for began := time.Now(); time.Since(began) < patience; time.Sleep(20 * time.Millisecond) {
		l.mu.Lock()
		heard := slices.Clone(l.heard)
		l.mu.Unlock()
		if slices.Contains(heard, what) {
			return heard
		}
	}
	t.Fatalf("the server has never heard %q", what)
	return nil
}

// client waits for the server's first client.
func (l *listener) client(t testing.TB) ssh.Conn {
	t.Helper()
	for began := time.Now(); time.Since(began) < patience; time.Sleep(20 * time.Millisecond) {
		l.mu.Lock()
		conns := l.conns
		l.mu.Unlock()
		if len(conns) > 0 {
			return conns[0]
		}
	}
	t.Fatal("nobody came to the server")
	return nil
}

// flooded is a session of a client that reads nothing of it, at a server that floods it, once nothing goes any further.
func flooded(t testing.TB, server *listener, c *ssh.Client, request string, payload []byte) (channel ssh.Channel, requests <-chan *ssh.Request) {
	t.Helper()
	channel, requests, err := c.OpenChannel(channelSession, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := channel.SendRequest(request, true, payload); !ok || err != nil {
		t.Fatal(ok, err)
	}
	server.awaitStill()
	return channel, requests
}

// awaitStill waits until nothing that the server floods with goes any further.
func (l *listener) awaitStill() {
	for still, last := 0, int64(-1); still < 20; time.Sleep(20 * time.Millisecond) {
		now := l.wrote.Load()
		if still++; now != last || now == 0 {
			still, last = 0, now
		}
	}
}

// ended waits for the end of a session.
func (g *gateway) ended(t testing.TB) {
	t.Helper()
	g.find(t, func(e audit.Event) bool { return e.Type == audit.SessionEnd || e.Type == audit.SessionDenied })
}

// TestClientThatDoesNotRead asks for what may not be, so that there is something to tell it, and for so much that nothing more fits in.
func TestClientThatDoesNotRead(t *testing.T) {
	for name, end := range map[string]func(*gateway, *ssh.Client){
		"leaves": func(_ *gateway, c *ssh.Client) { _ = c.Close() },
		"is cut": func(g *gateway, _ *ssh.Client) { g.Cut("your access was suspended by an admin") },
		"has no record": func(g *gateway, c *ssh.Client) {
			g.Journal.Break()
			g.Cut("your access was suspended by an admin")
			g.Journal.Heal()
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := startListener(t)
			server.flood = true
			g := startBefore(t, server, access.ClassExec)
			c := g.connect(t)
			channel, _ := flooded(t, server, c, requestExec, ssh.Marshal(textRequest{"id"}))
			for range 2 * maxWords {
				_, _ = channel.SendRequest(requestAgent, false, nil)
			}
			end(g, c)
			g.ended(t)
		})
	}
}

// TestServerThatNeverAnswers asks for a command, and for a place to listen at, and gets no answer: the session ends when it should all the same.
func TestServerThatNeverAnswers(t *testing.T) {
	for name, end := range map[string]func(*gateway, *ssh.Client){
		"client leaves": func(_ *gateway, c *ssh.Client) { _ = c.Close() },
		"is cut":        func(g *gateway, _ *ssh.Client) { g.Cut("your access was suspended by an admin") },
	} {
		t.Run(name, func(t *testing.T) {
			server := startListener(t)
			server.mute = true
			g := startBefore(t, server, access.ClassExec, access.ClassListen)
			c := g.connect(t)
			channel, requests, err := c.OpenChannel(channelSession, nil)
			if err != nil {
				t.Fatal(err)
			}
			go ssh.DiscardRequests(requests)
			var asking sync.WaitGroup
			asking.Go(func() { _, _ = channel.SendRequest(requestExec, true, ssh.Marshal(textRequest{"id"})) })
			asking.Go(func() { _, _, _ = c.SendRequest(requestListenTCP, true, ssh.Marshal(tcpListen{"127.0.0.1", 2222})) })
			server.await(t, requestExec)
			end(g, c)
			g.ended(t)
			asking.Wait()
		})
	}
}

// TestDeniedClientThatDoesNotRead opens what it may not, and asks for nothing there.
func TestDeniedClientThatDoesNotRead(t *testing.T) {
	g := startBefore(t, startListener(t), access.ClassExec)
	c, err := dial(g.Native, proxytest.User, proxytest.Token, "nowhere", &strings.Builder{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 64 {
		go func() { _, _, _ = c.OpenChannel(channelSession, nil) }()
	}
	g.ended(t)
}

// TestBeforeTheCommand sends what is about a command before there is one.
func TestBeforeTheCommand(t *testing.T) {
	server := startListener(t)
	channel, requests, err := startBefore(t, server, access.ClassExec).connect(t).OpenChannel(channelSession, nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	for _, kind := range []string{requestSignal, requestBreak, requestNoMoreData, requestWindow, requestShell} {
		if ok, err := channel.SendRequest(kind, kind != requestShell, ssh.Marshal(textRequest{"KILL"})); ok || err != nil {
			t.Errorf("%s: %v, %v", kind, ok, err)
		}
	}
	_, _ = channel.Write([]byte("id\n"))
	heard := server.await(t, "closed") // the shell was denied
	if !slices.Equal(heard, []string{channelSession, "closed"}) {
		t.Errorf("the server has heard %q", heard)
	}
}

// TestNUL asks for commands of which servers may read less than the record tells.
func TestNUL(t *testing.T) {
	server := startListener(t)
	g := startBefore(t, server, access.ClassExec)
	c := g.connect(t)
	for _, q := range []struct{ kind, text string }{{requestExec, "id\x00 is harmless"}, {requestSubsystem, "sftp\x00"}, {requestExec, "scp -t /\x00"}} {
		channel, requests, err := c.OpenChannel(channelSession, nil)
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(requests)
		_, _ = channel.SendRequest(q.kind, true, ssh.Marshal(textRequest{q.text}))
		if words, _ := io.ReadAll(channel.Stderr()); !strings.Contains(string(words), "NUL") {
			t.Errorf("%q: %q", q.text, words)
		}
		if e := g.statement(t, q.text); e.Verdict != audit.Deny || e.Command != q.kind {
			t.Errorf("%q is recorded as %+v", q.text, e)
		}
		_ = channel.Close()
	}
	for _, what := range server.all() {
		if what != channelSession && what != "closed" {
			t.Errorf("the server has heard %q", what)
		}
	}
	// what is no text is on the record byte for byte
	if _, err := run(c, "echo \xff\xfe\x80", nil); err != nil && !strings.Contains(err.Error(), "without exit") {
		t.Error(err)
	}
	if e := g.statement(t, "echo \xff\xfe\x80"); e.Verdict != audit.Allow {
		t.Errorf("recorded as %+v", e)
	}
}

// TestSFTPInATerminal asks for a terminal, which may be made to pass bytes as they are, and for SFTP in it: that would not be decoded.
func TestSFTPInATerminal(t *testing.T) {
	server := startListener(t)
	g := startBefore(t, server, access.ClassExec, "read", "write")
	channel, requests, err := g.connect(t).OpenChannel(channelSession, nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	if ok, err := channel.SendRequest(requestPTY, true, ssh.Marshal(ptyRequest{Term: "xterm", Columns: 80, Rows: 24})); !ok || err != nil {
		t.Fatal(ok, err)
	}
	_, _ = channel.SendRequest(requestSubsystem, true, ssh.Marshal(textRequest{subsystemSFTP}))
	if words, _ := io.ReadAll(channel.Stderr()); !strings.Contains(string(words), "SFTP in a terminal is not passed on") {
		t.Errorf("told %q", words)
	}
	if e := g.statement(t, subsystemSFTP); e.Verdict != audit.Deny || e.Command != requestSubsystem {
		t.Errorf("recorded as %+v", e)
	}
	if slices.Contains(server.all(), requestSubsystem+" "+subsystemSFTP) {
		t.Error("the server has heard of it")
	}
}

// TestServerThatOpensChannels opens at the client what nobody asked for.
func TestServerThatOpensChannels(t *testing.T) {
	server := startListener(t)
	c := startBefore(t, server, "exec", "forward", "listen", "agent", "x11").connect(t)
	var opened []<-chan ssh.NewChannel
	kinds := []string{channelAgent, channelX11, channelForwardedTCP, channelForwardedLocal, channelSession, channelDirectTCP, "tun@openssh.com", strings.Repeat("x", 8<<10)}
	for _, kind := range kinds {
		opened = append(opened, c.HandleChannelOpen(kind))
	}
	for _, kind := range kinds {
		for _, payload := range [][]byte{nil, ssh.Marshal(tcpChannel{"127.0.0.1", 22, "127.0.0.1", 1}), make([]byte, 30<<10)} {
			_, _, err := server.client(t).OpenChannel(kind, payload)
			var refused *ssh.OpenChannelError
			if !errors.As(err, &refused) {
				t.Errorf("%.20s: %v", kind, err)
			}
		}
	}
	for i, channels := range opened {
		select {
		case <-channels:
			t.Errorf("%.20s came to the client", kinds[i])
		default:
		}
	}
}

// TestServerThatTalks is of one that asks more than anybody reads while it is not known yet.
func TestServerThatTalks(t *testing.T) {
	server := startListener(t)
	server.talks = true
	g := startBefore(t, server, access.ClassExec)
	g.people.pinning = errors.New("another one was pinned")
	g.people.pins = func() {
		server.await(t, "nothing")
		time.Sleep(100 * time.Millisecond) // until the gateway's end is full, which nothing tells
	}
	if have := whoami(t, g); !strings.Contains(have, "could not be kept") {
		t.Errorf("%q", have)
	}
}

// TestAgentExtensions has a server ask the agent for what is not known here: it is on the record. What is asked once the session has ended
// that lent the agent does not reach it.
func TestAgentExtensions(t *testing.T) {
	server := startListener(t)
	g := startBefore(t, server, "exec", "agent")
	c := g.connect(t)
	const success = 6
	agents := c.HandleChannelOpen(channelAgent)
	go func() {
		for n := range agents {
			channel, requests, err := n.Accept()
			if err != nil {
				return
			}
			go ssh.DiscardRequests(requests)
			for {
				if _, err := readMessage(channel); err != nil {
					break
				}
				_, _ = channel.Write([]byte{0, 0, 0, 1, success})
			}
			_ = channel.Close()
		}
	}()
	channel, requests, err := c.OpenChannel(channelSession, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	go ssh.DiscardRequests(requests)
	if ok, err := channel.SendRequest(requestAgent, true, nil); !ok || err != nil {
		t.Fatal(ok, err)
	}
	asks, askRequests, err := server.client(t).OpenChannel(channelAgent, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer asks.Close()
	go ssh.DiscardRequests(askRequests)
	ask := func(name string) byte {
		message := append([]byte{agentExtend}, ssh.Marshal(textRequest{name})...)
		if _, err := asks.Write(append([]byte{0, 0, 0, byte(len(message))}, message...)); err != nil {
			t.Fatal(err)
		}
		answer, err := readMessage(asks)
		if err != nil {
			t.Fatal(err)
		}
		return answer[4]
	}
	for _, name := range []string{"query", "decrypt@example.com"} {
		if answer := ask(name); answer != success {
			t.Errorf("%s is answered by %d", name, answer)
		}
	}
	g.statement(t, "extension decrypt@example.com")
	_ = channel.Close()
	g.result(t, "agent", func(e audit.Event) bool { return e.ErrorMessage == "" })
	if answer := ask("query"); answer != agentFailure {
		t.Errorf("the agent answers by %d, though the session that lent it has ended", answer)
	}
}

// TestChannelsWaitTogether begins commands in many channels where each has to be on disk before it runs, and nothing gets there: all of
// them wait at once, and none runs.
func TestChannelsWaitTogether(t *testing.T) {
	server := startListener(t)
	g := startBefore(t, server, access.ClassExec)
	g.Store.Durability = access.Strict
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{access.ClassExec}}})
	c := g.connect(t)
	const commands = 8
	var channels []ssh.Channel
	for range commands {
		channel, requests, err := c.OpenChannel(channelSession, nil)
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(requests)
		channels = append(channels, channel)
	}
	g.Journal.LoseSync()
	answers := make(chan error, commands)
	for _, channel := range channels {
		go func() {
			_, err := channel.SendRequest(requestExec, true, ssh.Marshal(textRequest{"true"}))
			answers <- err
		}()
	}
	for i := range commands {
		select {
		case <-g.Journal.Waiting():
		case <-time.After(patience):
			t.Fatalf("%d commands of %d wait for the record", i, commands)
		}
	}
	if slices.Contains(server.all(), requestExec) {
		t.Error("a command ran that was not on disk")
	}
	g.Journal.Heal()
	for range commands {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
}
