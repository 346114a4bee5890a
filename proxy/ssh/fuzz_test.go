package ssh

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// listener is a server that lets everybody in, does nothing, agrees to everything, and tells what it was asked.
type listener struct {
	net.Listener
	talks bool         // it asks for much before anybody serves it, and its host key is not known
	flood bool         // it writes for ever on each session, once something is asked for
	mute  bool         // it never answers a request
	wrote atomic.Int64 // bytes, with flood

	mu    sync.Mutex
	heard []string
	conns []ssh.Conn
}

func startListener(t testing.TB) *listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	one := &listener{Listener: l}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(keyOf("the server"))
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { one.serve(conn, config) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return one
}

func (l *listener) serve(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	l.mu.Lock()
	l.conns = append(l.conns, server)
	l.mu.Unlock()
	if l.talks {
		for range 64 {
			_, _, _ = server.SendRequest("hello@example.com", false, nil)
		}
		l.hear("nothing")
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	serving.Go(func() { l.answer(requests, nil) })
	for n := range channels {
		l.hear(n.ChannelType())
		channel, requests, err := n.Accept()
		if err != nil {
			return
		}
		asked := make(chan struct{}, 1)
		serving.Go(func() {
			defer close(asked)
			l.answer(requests, asked)
		})
		if l.flood {
			serving.Go(func() {
				<-asked
				for zeros := make([]byte, 32<<10); ; {
					n, err := channel.Write(zeros)
					if l.wrote.Add(int64(n)); err != nil {
						return
					}
				}
			})
		}
		serving.Go(func() {
			data, _ := io.ReadAll(channel)
			if len(data) > 0 && string(data) != "\x00\x00\x00\x05\x01\x00\x00\x00\x03" { // SFTP's first message, which asks for nothing
				l.hear("data")
			}
			l.hear("closed")
			_ = channel.Close()
		})
	}
}

// answer agrees to all requests. asked, unless nil, gets a value when a command was asked for.
func (l *listener) answer(requests <-chan *ssh.Request, asked chan<- struct{}) {
	for q := range requests {
		what := q.Type
		var env envRequest
		var named textRequest
		switch {
		case q.Type == requestEnv && read(q.Payload, &env) == nil:
			what += " " + env.Name
		case q.Type == requestSubsystem && read(q.Payload, &named) == nil:
			what += " " + named.Text
		}
		l.hear(what)
		if !l.mute {
			_ = q.Reply(true, nil)
		}
		if asked != nil && (q.Type == requestExec || q.Type == requestShell) {
			asked <- struct{}{}
		}
	}
}

func (l *listener) hear(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, what)
}

// all gives what was heard so far, once.
func (l *listener) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard := l.heard
	l.heard = nil
	return heard
}

// unjudged are what a server may be asked without a judgement: it does nothing by itself. What is done over SFTP is judged, one by one.
func unjudged(what string) bool {
	name, isEnv := strings.CutPrefix(what, "env ")
	if isEnv {
		return name == "LANG" || strings.HasPrefix(name, "LC_")
	}
	return slices.Contains([]string{channelSession, requestPTY, requestWindow, requestSubsystem + " " + subsystemSFTP, "closed"}, what) ||
		slices.Contains([]string{requestSignal, requestBreak, requestNoMoreData}, what) // once SFTP has begun
}

// startDenying runs a gateway before a server that tells what it heard, for a client that may do nothing.
func startDenying(t testing.TB) (*listener, *ssh.Client) {
	t.Helper()
	server := startListener(t)
	return server, startBefore(t, server, "ddl").connect(t)
}

// startBefore runs a gateway before the server, for people who may do what is of the classes.
func startBefore(t testing.TB, server *listener, classes ...string) *gateway {
	t.Helper()
	return startWithin(t, server, proxy.Limits{}, classes...)
}

// startWithin is startBefore with limits of its own.
func startWithin(t testing.TB, server *listener, limits proxy.Limits, classes ...string) *gateway {
	t.Helper()
	g := &gateway{people: &people{}}
	var p *Protocol
	p, g.tapes, g.reader = newProtocol(t, g.people)
	store := access.Resource{Name: "web-1", Protocol: "ssh", Address: server.Addr().String(), SSH: &access.SSH{}}
	if !server.talks {
		store.SSH.HostKeys = []string{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(keyOf("the server").PublicKey())))}
	}
	g.Gateway = proxytest.Start(t, proxytest.Options{Protocol: p, Store: store, Secret: creds.Secret{Username: "anybody"}, Limits: limits})
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: classes}})
	return g
}

// FuzzChannelRequest sends what its input says, of requests and data on a session, requests on the connection and channels, and wants
// that the server never hears of what was not judged.
func FuzzChannelRequest(f *testing.F) {
	kinds := []string{requestPTY, requestWindow, requestEnv, requestShell, requestExec, requestSubsystem, requestSignal, requestBreak, requestFlow,
		requestNoMoreData, requestAgent, requestX11, requestExit, requestExitSignal, "keepalive@openssh.com", "", "exec\x00", "EXEC", "session"}
	globals := []string{requestListenTCP, requestUnlistenTCP, requestListenLocal, requestUnlistenLocal, "hostkeys-prove-00@openssh.com", "keepalive@openssh.com"}
	channels := []string{channelDirectTCP, channelDirectLocal, channelForwardedTCP, channelForwardedLocal, channelAgent, channelX11, "tun@openssh.com", ""}
	payloads := [][]byte{nil, ssh.Marshal(textRequest{"sftp"}), ssh.Marshal(textRequest{"scp -t /tmp"}), ssh.Marshal(textRequest{"id"}),
		ssh.Marshal(envRequest{"LANG", "C"}), ssh.Marshal(envRequest{"LD_PRELOAD", "x"}), ssh.Marshal(ptyRequest{Term: "xterm", Columns: 80, Rows: 24}),
		ssh.Marshal(tcpChannel{"127.0.0.1", 22, "127.0.0.1", 1}), ssh.Marshal(tcpListen{"", 0}), ssh.Marshal(localChannel{Path: "/run/x"})}
	for i := range kinds {
		for p := range payloads {
			f.Add([]byte{0, byte(i), byte(p), 3, 0, 0, 0, byte(i), byte(p)})
		}
	}
	f.Add([]byte{1, 0, 8, 2, 0, 7, 1, 2, 9, 2, 1, 9})
	f.Add([]byte("\x00\x04\xff\x03abc\x03\x00\x00"))
	server, client := startDenying(f)
	f.Fuzz(func(t *testing.T, input []byte) {
		channel, requests, err := client.OpenChannel(channelSession, nil)
		if err != nil {
			t.Fatalf("the connection is lost: %v", err)
		}
		go ssh.DiscardRequests(requests)
		for len(input) >= 3 {
			var payload []byte
			action, kind := input[0]%4, int(input[1])
			if int(input[2]) < len(payloads) {
				payload = payloads[input[2]]
				input = input[3:]
			} else { // of the input itself
				n := min(int(input[2])%32, len(input)-3)
				payload, input = input[3:3+n], input[3+n:]
			}
			switch action {
			case 0:
				_, _ = channel.SendRequest(kinds[kind%len(kinds)], kind%2 == 0, payload)
			case 1:
				_, _, _ = client.SendRequest(globals[kind%len(globals)], true, payload)
			case 2:
				if _, _, err := client.OpenChannel(channels[kind%len(channels)], payload); err == nil {
					t.Fatalf("%s was opened", channels[kind%len(channels)])
				}
			case 3:
				_, _ = channel.Write(payload)
			}
		}
		_ = channel.Close()
		for _, what := range server.all() {
			if !unjudged(what) {
				t.Fatalf("the server has heard %q", what)
			}
		}
	})
}

// TestFloods opens what a client could drown a gateway in, and wants the connection to go on, or to end.
func TestFloods(t *testing.T) {
	server, client := startDenying(t)
	for range 3000 {
		if _, _, err := client.OpenChannel("tun@openssh.com", nil); err == nil {
			t.Fatal("a tunnel was opened")
		}
	}
	open := 0
	for range maxChannels + 10 {
		channel, requests, err := client.OpenChannel(channelSession, nil)
		if err != nil {
			break
		}
		go ssh.DiscardRequests(requests)
		defer channel.Close()
		open++
	}
	if open != maxChannels {
		t.Errorf("%d channels are open at a time, want %d", open, maxChannels)
	}
	long := make([]byte, 4+200<<10)
	binary.BigEndian.PutUint32(long, 200<<10)
	if ok, _, err := client.SendRequest(requestListenLocal, true, long); ok || err != nil {
		t.Errorf("a long path: %v, %v", ok, err)
	}
	for _, what := range server.all() {
		if !unjudged(what) {
			t.Errorf("the server has heard %q", what)
		}
	}
}

// TestGarbage sends what is no SSH, and nothing, before it signs in.
func TestGarbage(t *testing.T) {
	server := startListener(t)
	p, _, _ := newProtocol(t, &people{})
	g := proxytest.Start(t, proxytest.Options{Protocol: p, Store: access.Resource{Name: "web-1", Protocol: "ssh", Address: server.Addr().String()}})
	hello := "SSH-2.0-test\r\n"
	for name, garbage := range map[string]string{
		"nothing":           "",
		"HTTP":              "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"a line for ever":   strings.Repeat("x", 1<<20),
		"many lines":        strings.Repeat("x\r\n", 1<<18),
		"zeroes":            hello + strings.Repeat("\x00", 1<<16),
		"a packet too long": hello + "\xff\xff\xff\xff" + strings.Repeat("x", 1<<20),
		"half a packet":     hello + "\x00\x00\x10\x00\x04",
		"version 1":         "SSH-1.5-old\r\n",
		"not KEXINIT":       hello + string([]byte{0, 0, 0, 12, 10, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", g.Native)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() {
				_, _ = io.Copy(conn, strings.NewReader(garbage))
				_ = conn.(*net.TCPConn).CloseWrite()
			}()
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			answer, err := io.ReadAll(conn)
			if err != nil && strings.Contains(err.Error(), "timeout") {
				t.Errorf("the gateway waits for ever after %q", answer)
			}
		})
	}
	if events := g.Journal.Events(t); len(events) != 0 {
		t.Errorf("%d events of clients that never said who they are", len(events))
	}
	if len(server.all()) != 0 {
		t.Error("the server was reached")
	}
}
