package admin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
)

// cacheNodes are those of a Redis Cluster.
func cacheNodes() []access.Node {
	return []access.Node{{Name: "n1", Address: "10.0.0.1:6379"}, {Name: "n2", Address: "10.0.0.2:6379"}}
}

func TestResourcesSayWhatTheirProtocolKnows(t *testing.T) {
	p := newPlane(t)
	w := p.start()
	var many []access.Node
	for i := range 501 {
		many = append(many, access.Node{Name: fmt.Sprintf("n%d", i), Address: fmt.Sprintf("10.0.0.1:%d", i+1)})
	}
	var sentinels []string
	for i := range 33 {
		sentinels = append(sentinels, fmt.Sprintf("10.0.1.1:%d", i+1))
	}
	for name, test := range map[string]struct {
		change  access.Resource
		refused string // empty: it is taken
		field   string
	}{
		"postgres":                  {change: access.Resource{Protocol: "postgres", Address: "10.0.0.1:5432"}},
		"mysql":                     {change: access.Resource{Protocol: "mysql", Address: "10.0.0.1:3306", Database: "shop"}},
		"a socket":                  {change: access.Resource{Protocol: "mysql", Address: "/run/mysqld.sock"}},
		"redis":                     {change: access.Resource{Protocol: "redis", Address: "10.0.0.1:6379", Database: "15"}},
		"a cluster":                 {change: access.Resource{Protocol: "redis", Address: "10.0.0.1:6379", Nodes: cacheNodes()}},
		"sentinels":                 {change: access.Resource{Protocol: "redis", Address: "10.0.1.1:26379,[::1]:26379", Master: "mymaster"}},
		"an unknown protocol":       {access.Resource{Protocol: "oracle", Address: "10.0.0.1:1521"}, "these are: postgres, mysql, redis, ssh", "protocol"},
		"no protocol":               {access.Resource{Address: "10.0.0.1:1521"}, "these are: postgres", "protocol"},
		"nodes of PostgreSQL":       {access.Resource{Protocol: "postgres", Address: "10.0.0.1:1", Nodes: cacheNodes()}, "postgres has no nodes", "nodes"},
		"a master of MySQL":         {access.Resource{Protocol: "mysql", Address: "10.0.0.1:1", Master: "m"}, "mysql is not found by Sentinels", "master"},
		"nodes and a master":        {access.Resource{Protocol: "redis", Address: "10.0.0.1:1", Nodes: cacheNodes(), Master: "m"}, "not both", "master"},
		"a database's name":         {access.Resource{Protocol: "redis", Address: "10.0.0.1:1", Database: "cache"}, "is a number", "database"},
		"a negative database":       {access.Resource{Protocol: "redis", Address: "10.0.0.1:1", Database: "-1"}, "is a number", "database"},
		"a database written twice":  {access.Resource{Protocol: "redis", Address: "10.0.0.1:1", Database: "01"}, "is a number", "database"},
		"several addresses":         {access.Resource{Protocol: "redis", Address: "10.0.0.1:1,10.0.0.2:1"}, "host:port", "address"},
		"a sentinel's socket":       {access.Resource{Protocol: "redis", Address: "10.0.1.1:1,/run/s.sock", Master: "m"}, "each Sentinel", "address"},
		"a sentinel with a space":   {access.Resource{Protocol: "redis", Address: "10.0.1.1:1, 10.0.1.2:1", Master: "m"}, "each Sentinel", "address"},
		"a sentinel twice":          {access.Resource{Protocol: "redis", Address: "a:1,A:1", Master: "m"}, "two Sentinels", "address"},
		"too many sentinels":        {access.Resource{Protocol: "redis", Address: strings.Join(sentinels, ","), Master: "m"}, "at most 32", "address"},
		"a master with a line end":  {access.Resource{Protocol: "redis", Address: "a:1", Master: "m\r\n"}, "no spaces", "master"},
		"a node that is no label":   {access.Resource{Protocol: "redis", Address: "a:1", Nodes: []access.Node{{Name: "n.1", Address: "a:1"}}}, "DNS label", "nodes"},
		"two nodes of a name":       {access.Resource{Protocol: "redis", Address: "a:1", Nodes: []access.Node{{Name: "n", Address: "a:1"}, {Name: "n", Address: "a:2"}}}, "two nodes are named n", "nodes"},
		"two nodes of an address":   {access.Resource{Protocol: "redis", Address: "a:1", Nodes: []access.Node{{Name: "n", Address: "a:1"}, {Name: "m", Address: "A:1"}}}, "have the address", "nodes"},
		"a node on a socket":        {access.Resource{Protocol: "redis", Address: "a:1", Nodes: []access.Node{{Name: "n", Address: "/run/redis.sock"}}}, "no host:port", "nodes"},
		"a node without a port":     {access.Resource{Protocol: "redis", Address: "a:1", Nodes: []access.Node{{Name: "n", Address: "a:0"}}}, "no port", "nodes"},
		"more nodes than there are": {access.Resource{Protocol: "redis", Address: "a:1", Nodes: many}, "at most 500 nodes", "nodes"},
	} {
		t.Run(name, func(t *testing.T) {
			p.in(t)
			r := test.change
			r.Name, r.Accounts = "cache", map[string]string{}
			if test.refused != "" {
				answer := p.must(w, "PUT", "/resources/cache", r, 422)
				if got := answer.detail(t); !strings.Contains(got, test.refused) || !strings.Contains(string(answer.body), `"body.`+test.field+`"`) {
					t.Errorf("%s (%s)", got, answer.body)
				}
				return
			}
			p.call(w, "PUT", "/resources/cache", r)
			var got access.Resource
			p.must(w, "GET", "/resources/cache", nil, 200).decode(t, &got)
			if diff := cmp.Diff(r, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestClientsLearnTheNodesPorts(t *testing.T) {
	p := newPlane(t)
	w := p.start()
	p.addOrders(w)
	cache := access.Resource{Name: "cache", Protocol: "redis", Address: "10.0.0.1:6379", Nodes: cacheNodes(), Accounts: map[string]string{"app": "orders-app"}}
	p.must(w, "POST", "/resources", cache, 201)
	p.must(w, "PUT", "/roles/developers", object{"name": "developers", "resources": []string{"*"}, "accounts": []string{"app"}, "groups": []string{"eng"}}, 200)
	var mine struct {
		Items []struct {
			Name  string
			Port  int
			Nodes []struct {
				Name string
				Port int
			}
		}
	}
	p.must(who{token: p.issue(w, "alice@acme.com")}, "GET", "/resources/mine", nil, 200).decode(t, &mine)
	if len(mine.Items) != 2 || mine.Items[0].Name != "cache" || len(mine.Items[0].Nodes) != 2 || mine.Items[1].Nodes != nil {
		t.Fatalf("%+v", mine)
	}
	// The same that a gateway tells the cluster's clients.
	ports := p.directory.LocalPorts()
	for _, n := range mine.Items[0].Nodes {
		if n.Port == 0 || n.Port != ports["cache/"+n.Name] {
			t.Errorf("node %s is on port %d, gateways say %d", n.Name, n.Port, ports["cache/"+n.Name])
		}
	}
	if mine.Items[0].Port != ports["cache"] {
		t.Errorf("port %d, gateways say %d", mine.Items[0].Port, ports["cache"])
	}
}

// protocols are those that differ in what their resources may say, and one more.
func protocols() []admin.Protocol {
	return []admin.Protocol{{Name: "postgres", Title: "PostgreSQL"}, {Name: "mysql", Title: "MySQL"},
		{Name: "redis", Title: "Redis", Clusters: true, Sentinels: true, NumberedDatabases: true}, {Name: "ssh", Title: "SSH", SSH: true}}
}

func TestProtocolsAreTold(t *testing.T) {
	p := newPlane(t)
	w := p.start()
	var known struct{ Items []admin.Protocol }
	p.must(w, "GET", "/protocols", nil, 200).decode(t, &known)
	if diff := cmp.Diff(protocols(), known.Items); diff != "" {
		t.Error(diff)
	}
}
