package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/test/servers"
)

// TestSearchesAreAnsweredByACluster lets the program keep its index in OpenSearch, which goes away and comes back.
func TestSearchesAreAnsweredByACluster(t *testing.T) {
	cluster := servers.StartOpenSearch(t)
	config := filepath.Join(t.TempDir(), "sally.yaml")
	write(t, config, `
drain_timeout: 200ms
audit:
  index:
    kind: elasticsearch
    elasticsearch:
      urls: [`+cluster.URL+`]
      replicas: 0
`)
	w := newWorld(t, "", "--config", config)
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	conn := w.mustConnect()
	w.insert(conn, 20)
	w.eventually("what ran is found", func() bool { return w.events(`"INSERT INTO orders" table:orders done:true`) == "20" })
	if err := cluster.Kill(); err != nil {
		t.Fatal(err)
	}
	w.insert(conn, 20) // statements do not wait for a cluster
	if err := cluster.Start(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.eventually("what ran meanwhile is found", func() bool {
		out, err := w.sally.Run(w.ctx, nil, "audit", "count", `"INSERT INTO orders" done:true`)
		return err == nil && strings.TrimSpace(out) == "40"
	})
	if out, err := w.verify(); err != nil {
		t.Errorf("the record does not verify: %v\n%s", err, out)
	}
}
