package proxy_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// The entrance of a node that the resource does not name leads nowhere, and not to another node.
func TestEntranceOfAnUnknownNode(t *testing.T) {
	g := proxytest.Start(t, proxytest.Options{Protocol: faulty{}, Store: access.Resource{Name: "faulty-db", Protocol: "faulty",
		Nodes: []access.Node{{Name: "n1", Address: "10.0.0.1:1"}}}})
	for node, unknown := range map[string]bool{"n1": false, "n2": true} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- g.Server.ServeNode("faulty", "faulty-db", node, l) }()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "r"); err != nil {
			t.Fatal(err)
		}
		words, err := io.ReadAll(conn)
		if told := strings.Contains(string(words), "faulty-db has no node n2"); err != nil || told != unknown {
			t.Errorf("%s: %q, %v", node, words, err)
		}
		_ = conn.Close()
		_ = l.Close()
		<-served
	}
}
