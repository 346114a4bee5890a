package ssh

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// stranger is one connection of a flood: it says what it says, and stays.
type stranger func(conn net.Conn)

func silent(net.Conn) {}

func babbling(conn net.Conn) { _, _ = conn.Write([]byte(strings.Repeat("x", 200))) }

// greeting says that it is SSH, and that a packet of the greatest length follows.
func greeting(conn net.Conn) { _, _ = conn.Write([]byte("SSH-2.0-flood\r\n\x00\x03\xff\xf0\x04\x14")) }

// breakingOff goes through the exchange of keys, so that the gateway has computed its part, and says no more.
func breakingOff(conn net.Conn) {
	_, _, _, _ = ssh.NewClientConn(staying{conn}, "", &ssh.ClientConfig{User: "x", HostKeyCallback: func(string, net.Addr, ssh.PublicKey) error {
		return errors.New("enough")
	}, Timeout: patience})
}

// staying is a connection that its user cannot close.
type staying struct{ net.Conn }

func (staying) Close() error { return nil }

// overrun opens n connections, from addresses of this machine's that from gives, and holds them open until the test ends.
func overrun(t testing.TB, addr string, n int, from func(i int) net.IP) {
	t.Helper()
	kinds := []stranger{silent, babbling, greeting, silent, breakingOff}
	var mu sync.Mutex
	var conns []net.Conn
	var flooding sync.WaitGroup
	next := make(chan int)
	for range 32 {
		flooding.Go(func() {
			for i := range next {
				conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from(i)}, Timeout: patience}).Dial("tcp", addr)
				if err != nil {
					continue // the machine's own queue is full, as it is in a flood
				}
				_ = conn.SetDeadline(time.Now().Add(patience))
				kinds[i%len(kinds)](conn)
				mu.Lock()
				conns = append(conns, conn)
				mu.Unlock()
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	flooding.Wait()
	t.Cleanup(func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	if len(conns) < n*9/10 {
		t.Errorf("of %d connections of the flood %d came through", n, len(conns))
	}
}

// floodPatience is how long a login may take in a flood, and unhurried are limits within which one does that takes so long: what these tests are
// about is who is pushed out, and the machine may have other work.
const floodPatience = 2 * time.Minute

func unhurried() proxy.Limits {
	return proxy.Limits{HandshakeTimeout: floodPatience, SignInTimeout: 5 * floodPatience}
}

// bearable is how long a login may take in a flood where one takes so long without it.
func bearable(alone time.Duration) time.Duration { return max(30*time.Second, 50*alone) }

// comeFrom signs in from an address of this machine's, as often as it takes, and says how long the last attempt took.
func (g *gateway) comeFrom(ip net.IP, attempts int) (took time.Duration, err error) {
	for range attempts {
		begun := time.Now()
		if err = g.comeOnce(ip); err == nil {
			return time.Since(begun), nil
		}
	}
	return 0, err
}

func (g *gateway) comeOnce(ip net.IP) error {
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}, Timeout: floodPatience}).Dial("tcp", g.Native)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(floodPatience))
	c, _, _, err := ssh.NewClientConn(conn, g.Native, &ssh.ClientConfig{User: proxytest.User + "#" + g.Store.Name,
		HostKeyCallback: ssh.FixedHostKey(hostKey.PublicKey()), Auth: []ssh.AuthMethod{ssh.PublicKeys(keyOf(proxytest.Token))}})
	if err == nil {
		_ = c.Close()
	}
	return err
}

// awaitBrowser is a sign-in by link that lasts until confirmed is closed.
func awaitBrowser(ctx context.Context, user string, show func(url, code string) error, confirmed <-chan struct{}) (access.Identity, error) {
	if err := show("https://sally.acme.com/sign-in/ssh#secret", "ABCD"); err != nil {
		return access.Identity{}, err
	}
	select {
	case <-confirmed:
		return access.Identity{User: user, Kind: access.Person}, nil
	case <-ctx.Done():
		return access.Identity{}, ctx.Err()
	}
}

// comeByLink signs in by a link. How that went comes by the channel.
func (g *gateway) comeByLink() <-chan error {
	ended := make(chan error, 1)
	go func() {
		c, err := dial(g.Native, proxytest.User, "an unknown key", g.Store.Name, &strings.Builder{})
		if err == nil {
			_ = c.Close()
		}
		ended <- err
	}()
	return ended
}

// TestFloodBeforeSignIn wants people in while thousands of connections come that never say who they are, in bounded memory; and that one
// who waits for a browser, elsewhere than where the flood comes from, keeps their place.
func TestFloodBeforeSignIn(t *testing.T) {
	const n = 5000
	g := startWithin(t, startListener(t), unhurried(), access.ClassExec)
	confirmed := make(chan struct{})
	g.people.signIn = func(ctx context.Context, user string, show func(url, code string) error, _ func()) (access.Identity, error) {
		return awaitBrowser(ctx, user, show, confirmed)
	}
	waiting := g.comeByLink()
	alone, err := g.comeFrom(net.IPv4(127, 0, 0, 2), 1)
	if err != nil {
		t.Fatal(err)
	}

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	over := make(chan struct{})
	go func() {
		defer close(over)
		overrun(t, g.Native, n, func(int) net.IP { return net.IPv4(127, 0, 0, 9) })
	}()
	defer func() { <-over }() // also when a login has failed: the flood reports to this test
	var longest time.Duration
	logins := 0
	for during := true; during; logins++ {
		took, err := g.comeFrom(net.IPv4(127, 0, 0, 2), 1)
		if err != nil {
			t.Fatalf("login %d during the flood: %v", logins, err)
		}
		longest = max(longest, took)
		select {
		case <-over:
			during = false
		default:
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapInuse+after.StackInuse) - int64(before.HeapInuse+before.StackInuse)
	t.Logf("%d logins during the flood, the longest %s; %d MiB more are in use", logins, longest.Round(time.Millisecond), grown>>20)
	if longest > bearable(alone) {
		t.Errorf("a login took %s, and %s without a flood", longest, alone)
	}
	if grown > 256<<20 { // 1024 that wait, both ends of each in this process, and the flood's own ends
		t.Errorf("%d MiB more are in use", grown>>20)
	}
	close(confirmed)
	if err := <-waiting; err != nil {
		t.Errorf("who was waiting for their browser: %v", err)
	}
	for _, e := range g.Journal.Events(t) {
		if e.Type == audit.SessionDenied {
			t.Fatalf("a connection that said nothing is on the record: %+v", e)
		}
	}
}

// TestFloodFromEverywhere comes from as many addresses as there are connections, which pushes out nobody who has the link open in a browser.
func TestFloodFromEverywhere(t *testing.T) {
	g := startWithin(t, startListener(t), unhurried(), access.ClassExec)
	looking, confirmed := make(chan struct{}), make(chan struct{})
	g.people.signIn = func(ctx context.Context, user string, show func(url, code string) error, opened func()) (access.Identity, error) {
		opened()
		close(looking)
		return awaitBrowser(ctx, user, show, confirmed)
	}
	waiting := g.comeByLink()
	<-looking
	alone, err := g.comeFrom(net.IPv4(127, 0, 0, 2), 1)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		overrun(t, g.Native, 3000, func(i int) net.IP {
			b := binary.BigEndian.AppendUint16(nil, uint16(i))
			return net.IPv4(127, 1, b[0], b[1])
		})
	}()
	took, err := g.comeFrom(net.IPv4(127, 0, 0, 2), 10)
	if err != nil || took > bearable(alone) {
		t.Errorf("a login took %s, and %s without a flood: %v", took, alone, err)
	}
	<-over
	close(confirmed)
	if err := <-waiting; err != nil {
		t.Errorf("who was at their browser: %v", err)
	}
}
