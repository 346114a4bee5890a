package ssh

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

// BenchmarkOutput is what a command puts out, through the gateway, in a terminal (recorded) and without, and without the gateway.
func BenchmarkOutput(b *testing.B) {
	sshd := servers.StartSSHD(b, servers.SSHDOptions{})
	for _, name := range []string{"direct", "plain", "terminal"} {
		terminal := name == "terminal"
		b.Run(name, func(b *testing.B) {
			c := connectTo(b, sshd, name != "direct")
			const size = 256 << 20
			b.SetBytes(size)
			for b.Loop() {
				s, err := c.NewSession()
				if err != nil {
					b.Fatal(err)
				}
				if terminal {
					if err := s.RequestPty("xterm", 24, 80, ssh.TerminalModes{ssh.OPOST: 0}); err != nil {
						b.Fatal(err)
					}
				}
				out, err := s.StdoutPipe()
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Start("head -c 268435456 /dev/zero"); err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, out); err != nil || n != size {
					b.Fatal(n, err)
				}
				_ = s.Close()
			}
		})
	}
}

// BenchmarkCommand is one command in a connection that is there, through the gateway and without.
func BenchmarkCommand(b *testing.B) {
	sshd := servers.StartSSHD(b, servers.SSHDOptions{})
	for _, name := range []string{"direct", "through"} {
		b.Run(name, func(b *testing.B) {
			c := connectTo(b, sshd, name == "through")
			for b.Loop() {
				if _, err := run(c, "true", nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkChannelsAtOnce begins a command in each of many channels of one connection, at a server that answers at once, where each has to
// be on disk before it runs.
func BenchmarkChannelsAtOnce(b *testing.B) {
	const channels = 32
	g := startBefore(b, startListener(b), access.ClassExec)
	g.Store.Durability = access.Strict
	g.Govern(b, access.Role{Statements: &access.StatementRules{Classes: []string{access.ClassExec}}})
	c := g.connect(b)
	for b.Loop() {
		var all sync.WaitGroup
		for range channels {
			all.Go(func() {
				channel, requests, err := c.OpenChannel(channelSession, nil)
				if err != nil {
					b.Error(err)
					return
				}
				defer channel.Close()
				go ssh.DiscardRequests(requests)
				if _, err := channel.SendRequest(requestExec, true, ssh.Marshal(textRequest{"true"})); err != nil {
					b.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// connectTo connects to sshd, through a gateway or past it.
func connectTo(b *testing.B, sshd *servers.SSHD, through bool) *ssh.Client {
	b.Helper()
	if through {
		return startGateway(b, sshd, nil).connect(b)
	}
	_, secret := resourceOf(b, sshd)
	key, err := ssh.ParsePrivateKey(secret.Key)
	if err != nil {
		b.Fatal(err)
	}
	c, err := ssh.Dial("tcp", sshd.Addr(), &ssh.ClientConfig{Config: forServers(), User: secret.Username, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey()}) //nolint:gosec // a test's own server
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	return c
}

// BenchmarkIdle tells what an idle connection with an open, recorded terminal weighs, and one without a channel. Client, gateway and server are one
// process here, so that only differences tell.
func BenchmarkIdle(b *testing.B) {
	const connections = 200
	for _, terminal := range []bool{false, true} {
		b.Run(map[bool]string{false: "bare", true: "terminal"}[terminal], func(b *testing.B) {
			g := startBefore(b, startListener(b), access.ClassExec)
			for b.Loop() {
				before := weight()
				for range connections {
					c := g.connect(b)
					if !terminal {
						continue
					}
					s, err := c.NewSession()
					if err != nil {
						b.Fatal(err)
					}
					if err := errors.Join(s.RequestPty("xterm", 24, 80, nil), s.Start("cat")); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(weight()-before)/connections/1024, "KB/connection")
			}
		})
	}
}

// weight is the memory that heap and stacks take once there is no garbage, in bytes.
func weight() int64 {
	for range 3 { // stacks shrink one step at a time
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// BenchmarkLogin is a connection that comes in and leaves. Client, gateway and server are one process here.
func BenchmarkLogin(b *testing.B) {
	g := startBefore(b, startListener(b), access.ClassExec)
	for b.Loop() {
		c, err := dial(g.Native, proxytest.User, proxytest.Token, g.Store.Name, &strings.Builder{})
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			b.Fatal(err)
		}
		_ = c.Close()
	}
}
