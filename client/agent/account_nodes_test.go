package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/client"
)

// namingGateway answers each connection with the name by which it was asked, and gives a profile that trusts it.
func namingGateway(t *testing.T) *client.Profile {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "alice"}, DNSNames: []string{client.GatewayName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{client.TunnelProtocol},
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, ClientAuth: tls.RequireAnyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() { _ = conn.Close() }()
				if secure := conn.(*tls.Conn); secure.HandshakeContext(t.Context()) == nil {
					_, _ = io.WriteString(conn, secure.ConnectionState().ServerName)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return &client.Profile{Name: "test", Server: "https://sally.test", User: "alice", Certificate: block("CERTIFICATE", der), Key: block("PRIVATE KEY", private),
		CA: block("CERTIFICATE", der), Expires: template.NotAfter, Tunnel: l.Addr().String()}
}

// newCacheAccount is an account that wishes for the resource cache; its ports are closed when the test ends.
func newCacheAccount(t *testing.T) *account {
	t.Helper()
	store := client.NewStore(filepath.Join(t.TempDir(), "sallyport"))
	if err := store.Save(namingGateway(t)); err != nil {
		t.Fatal(err)
	}
	w := wish{Named: map[string]line{"cache": {}}}
	a, err := newAccount(store, "test", w, time.Hour, slog.New(slog.DiscardHandler), func(wish) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.closeAll)
	return a
}

// cluster is the resource cache with nodes on ports that were free a moment ago.
func cluster(t *testing.T, nodes ...string) client.Resource {
	t.Helper()
	r := client.Resource{Name: "cache", Protocol: "redis"}
	var holding []net.Listener
	for i := range len(nodes) + 1 {
		l, err := client.ListenOn(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		holding = append(holding, l)
		port := l.Addr().(*net.TCPAddr).Port
		if i == 0 {
			r.Port = port
			continue
		}
		r.Nodes = append(r.Nodes, client.Node{Name: nodes[i-1], Port: port})
	}
	for _, l := range holding {
		_ = l.Close()
	}
	return r
}

// asked is the name by which a connection to the local port arrives at the gateway.
func asked(t *testing.T, port int) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return "nothing listens"
	}
	defer func() { _ = conn.Close() }()
	name, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(name)
}

func TestEachNodeIsOpenedOnItsOwnPort(t *testing.T) {
	a, r := newCacheAccount(t), cluster(t, "n2", "n1")
	n2, n1 := r.Nodes[0].Port, r.Nodes[1].Port
	a.mine = []client.Resource{r}
	life, end := context.WithCancel(t.Context())
	defer end()
	a.apply(life, true)
	lines := a.status().Lines
	want := []Line{{Name: "cache", Protocol: "redis", URL: lines[0].URL, Port: r.Port, OwnPort: r.Port,
		Nodes: []NodeLine{{Name: "n1", Port: n1, OwnPort: n1}, {Name: "n2", Port: n2, OwnPort: n2}}}}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Fatal(diff)
	}
	for port, name := range map[int]string{r.Port: "cache", n1: "n1.cache", n2: "n2.cache"} {
		if got := asked(t, port); got != name {
			t.Errorf("port %d leads to %q, want %q", port, got, name)
		}
	}

	// A node that is taken out of the resource goes, one that comes is opened, the others stay as they are.
	fresh := cluster(t, "n3")
	r.Nodes = []client.Node{r.Nodes[1], fresh.Nodes[0]}
	a.mine = []client.Resource{r}
	a.apply(life, true)
	for port, name := range map[int]string{n1: "n1.cache", fresh.Nodes[0].Port: "n3.cache", n2: "nothing listens"} {
		if got := asked(t, port); got != name {
			t.Errorf("port %d leads to %q, want %q", port, got, name)
		}
	}

	// They go with the resource.
	a.mine = nil
	a.apply(life, true)
	for _, port := range []int{r.Port, n1, fresh.Nodes[0].Port} {
		if got := asked(t, port); got != "nothing listens" {
			t.Errorf("port %d leads to %q still", port, got)
		}
	}
}

func TestATakenNodesPortIsToldOfAndTriedAgain(t *testing.T) {
	a, r := newCacheAccount(t), cluster(t, "n1", "n2")
	foreign, err := client.ListenOn(t.Context(), r.Nodes[0].Port)
	if err != nil {
		t.Fatal(err)
	}
	a.mine = []client.Resource{r}
	life, end := context.WithCancel(t.Context())
	defer end()
	a.apply(life, true)
	line := a.status().Lines[0]
	unreached := line.Unreached()
	if len(unreached) != 1 || unreached[0].Name != "n1" || !strings.Contains(unreached[0].Trouble, "do not reach its node n1") ||
		!strings.Contains(unreached[0].Trouble, strconv.Itoa(r.Nodes[0].Port)) || line.Port == 0 || line.Nodes[1].Port == 0 {
		t.Fatalf("%+v", line)
	}
	_ = foreign.Close()
	a.apply(life, true)
	if line := a.status().Lines[0]; len(line.Unreached()) != 0 || line.Nodes[0].Trouble != "" {
		t.Errorf("%+v", line)
	}
	if got := asked(t, r.Nodes[0].Port); got != "n1.cache" {
		t.Errorf("leads to %q", got)
	}
}

// A resource whose own port is taken takes another, but never a node's: that can have no other.
func TestNodesPortsAreNotTakenInstead(t *testing.T) {
	a, r := newCacheAccount(t), cluster(t, "n1")
	foreign, err := client.ListenOn(t.Context(), r.Port)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = foreign.Close() }()
	r.Nodes[0].Port = r.Port + 1
	a.mine, a.wish.Ports = []client.Resource{r}, map[string]int{"cache": r.Port + 1}
	life, end := context.WithCancel(t.Context())
	defer end()
	a.apply(life, true)
	line := a.status().Lines[0]
	if slices.Contains([]int{0, r.Port, r.Port + 1}, line.Port) {
		t.Errorf("%+v", line)
	}
}
