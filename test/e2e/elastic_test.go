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
	found := func(query, want string) func() bool {
		return func() bool { // the cluster refuses searches while it starts
			out, err := w.sally.Run(w.ctx, nil, "audit", "count", query)
			if err != nil && !strings.Contains(err.Error(), "the index of the record does not answer just now") {
				t.Fatal(err)
			}
			return err == nil && strings.TrimSpace(out) == want
		}
	}
	w.eventually("what ran is found", found(`"INSERT INTO orders" table:orders done:true`, "20"))
	if err := cluster.Kill(); err != nil {
		t.Fatal(err)
	}
	w.insert(conn, 20) // statements do not wait for a cluster
	if out, err := w.sally.Run(w.ctx, nil, "audit", "count", "INSERT"); err == nil {
		t.Errorf("a cluster that is gone counted %q", out)
	} else {
		wantWords(t, err, "does not answer just now")
	}
	if err := cluster.Start(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.eventually("what ran meanwhile is found", found(`"INSERT INTO orders" done:true`, "40"))
	if out, err := w.verify(); err != nil {
		t.Errorf("the record does not verify: %v\n%s", err, out)
	}
}
