package elastic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/indextest"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/test/servers"
)

// node is a search server that the tests of this package share, begun when the first of them needs it.
type node struct {
	kind servers.SearchKind
	once sync.Once
	dir  string
	s    *servers.SearchServer
	err  error
}

var nodes = map[servers.SearchKind]*node{
	servers.OpenSearch: {kind: servers.OpenSearch}, servers.Elasticsearch: {kind: servers.Elasticsearch},
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, n := range nodes {
		if n.s != nil {
			if err := n.s.Kill(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
		if n.dir != "" {
			os.RemoveAll(n.dir)
		}
	}
	os.Exit(code)
}

func running(t *testing.T, kind servers.SearchKind) *servers.SearchServer {
	t.Helper()
	n := nodes[kind]
	n.once.Do(func() {
		if n.dir, n.err = os.MkdirTemp("", "sally-search-"); n.err == nil {
			n.s, n.err = servers.RunSearchServer(context.Background(), n.dir, kind)
		}
	})
	if errors.Is(n.err, servers.ErrMissing) {
		t.Log(n.err)
		servers.MissingSearchServer(t, kind)
	}
	if n.err != nil {
		t.Fatal(n.err)
	}
	return n.s
}

// configFor keeps the tests' indices apart by their prefix.
func configFor(t *testing.T, s *servers.SearchServer) Config {
	none := 0
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(t.Name()))
	return Config{URLs: []string{s.URL}, Prefix: name, Shards: 2, Replicas: &none, RefreshInterval: 100 * time.Millisecond,
		SlowText: s.Kind == servers.Elasticsearch}
}

func open(t *testing.T, c Config, j *journal.Journal) *Index {
	t.Helper()
	ix, err := Open(c, j, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ix.Close(); err != nil {
			t.Error(err)
		}
	})
	return ix
}

func TestOpenSearchAnswersAsTheScanDoes(t *testing.T) {
	s := running(t, servers.OpenSearch)
	indextest.Run(t, func(t *testing.T, j *journal.Journal) audit.Index { return open(t, configFor(t, s), j) })
}

func TestElasticsearchAnswersAsTheScanDoes(t *testing.T) {
	s := running(t, servers.Elasticsearch)
	indextest.Run(t, func(t *testing.T, j *journal.Journal) audit.Index { return open(t, configFor(t, s), j) })
}
