package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/access"
)

// flagged gives the resource as flags change it.
func flagged(t *testing.T, r access.Resource, args ...string) access.Resource {
	t.Helper()
	fs := pflag.NewFlagSet("resources", pflag.ContinueOnError)
	apply := resourceFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := apply(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNodesAreGivenOneByOne(t *testing.T) {
	r := flagged(t, access.Resource{Name: "cache"}, "--protocol", "redis", "--address", "10.0.0.1:6379", "--node", "n2=10.0.0.2:6379", "--node", "n1=10.0.0.1:6379")
	want := access.Resource{Name: "cache", Protocol: "redis", Address: "10.0.0.1:6379",
		Nodes: []access.Node{{Name: "n1", Address: "10.0.0.1:6379"}, {Name: "n2", Address: "10.0.0.2:6379"}}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Fatal(diff)
	}
	r = flagged(t, r, "--node", "n1=", "--node", "n2=10.0.0.9:6379", "--node", "n3=10.0.0.3:6379", "--node", "gone=")
	want.Nodes = []access.Node{{Name: "n2", Address: "10.0.0.9:6379"}, {Name: "n3", Address: "10.0.0.3:6379"}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	sentinels := "10.0.1.1:26379,10.0.1.2:26379"
	r = flagged(t, access.Resource{Name: "queue"}, "--protocol", "redis", "--master", "mymaster", "--address", sentinels)
	if r.Master != "mymaster" || r.Address != sentinels {
		t.Errorf("%+v", r)
	}
	if r = flagged(t, r, "--master", ""); r.Master != "" {
		t.Errorf("%+v", r)
	}
}

func TestFilesNameNodesAndMasters(t *testing.T) {
	document, err := readApplied(strings.NewReader(`
resources:
  - name: cache
    protocol: redis
    address: 10.0.0.1:6379
    accounts: {app: cache-app}
    nodes: [{name: n2, address: "10.0.0.2:6379"}, {name: n1, address: "10.0.0.1:6379"}]
  - {name: queue, protocol: redis, address: "10.0.1.1:26379,10.0.1.2:26379", master: mymaster, accounts: {}}
`), []string{"-"})
	if err != nil {
		t.Fatal(err)
	}
	kind := &kindOf[access.Resource]{many: "resources", name: func(r *access.Resource) *string { return &r.Name }}
	objects, err := kind.decode(document["resources"])
	if err != nil {
		t.Fatal(err)
	}
	want := []access.Resource{
		{Name: "cache", Protocol: "redis", Address: "10.0.0.1:6379", Accounts: map[string]string{"app": "cache-app"},
			Nodes: []access.Node{{Name: "n2", Address: "10.0.0.2:6379"}, {Name: "n1", Address: "10.0.0.1:6379"}}},
		{Name: "queue", Protocol: "redis", Address: "10.0.1.1:26379,10.0.1.2:26379", Master: "mymaster", Accounts: map[string]string{}},
	}
	if diff := cmp.Diff(want, objects); diff != "" {
		t.Fatal(diff)
	}
	// What is written out, and read again.
	for i := range objects {
		again, err := kind.decode([]json.RawMessage{encodePlain(&objects[i])})
		if err != nil {
			t.Fatal(err)
		}
		want[i].Accounts = again[0].Accounts // an empty member is left out
		if diff := cmp.Diff(want[i], again[0]); diff != "" {
			t.Error(diff)
		}
	}
}
