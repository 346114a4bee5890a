package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/mysql"
	"github.com/sallyport/sallyport/proxy/postgres"
	"github.com/sallyport/sallyport/proxy/redis"
	"github.com/sallyport/sallyport/proxy/ssh"
)

// served is a protocol that a gateway serves.
type served struct {
	name  string // in the configuration, in resources and in the record
	words string // for people
	// listen is where its native entrance is configured.
	listen func(*nativeConfig) *string
	make   func(parts) proxy.Protocol
	// resources is what its resources may say besides their address.
	resources admin.Protocol
}

// parts are what protocols are made with. Those that only read texts need the configuration alone.
type parts struct {
	limits     limitsConfig
	native     nativeConfig
	directory  *gateway.Directory
	hostKeys   *gateway.HostKeys
	recordings *recording.Store
}

// servedProtocols are in the order in which people are told of them.
func servedProtocols() []served {
	return []served{
		{name: "postgres", words: "PostgreSQL", listen: func(c *nativeConfig) *string { return &c.Postgres },
			make: func(p parts) proxy.Protocol { return postgres.New(p.limits.StatementBytes) }},
		{name: "mysql", words: "MySQL, MariaDB", listen: func(c *nativeConfig) *string { return &c.MySQL },
			make: func(p parts) proxy.Protocol {
				return mysql.New(mysql.Options{MessageLimit: p.limits.StatementBytes, NativeVersion: p.native.MySQLVersion})
			}},
		{name: "redis", words: "Redis", listen: func(c *nativeConfig) *string { return &c.Redis },
			make:      func(p parts) proxy.Protocol { return redis.New(p.limits.StatementBytes) },
			resources: admin.Protocol{Clusters: true, Sentinels: true, NumberedDatabases: true}},
		{name: "ssh", words: "SSH", listen: func(c *nativeConfig) *string { return &c.SSH },
			make: func(p parts) proxy.Protocol {
				return ssh.New(ssh.Options{Directory: p.directory, HostKeys: p.hostKeys.Signers, Recorder: p.recordings})
			},
			resources: admin.Protocol{SSH: true}},
	}
}

// nativeConfig holds the addresses of the native entrances, a port for each protocol: host:port each; "off" closes one.
type nativeConfig struct {
	Postgres string `yaml:"postgres"`
	MySQL    string `yaml:"mysql"`
	Redis    string `yaml:"redis"`
	SSH      string `yaml:"ssh"`
	// MySQLVersion is the server version that MySQL clients are greeted with here, before they have said what they want.
	MySQLVersion string `yaml:"mysql_version"`
	// RedisNodes are further addresses, for the nodes of clusters: RESOURCE/NODE to host:port.
	RedisNodes map[string]string `yaml:"redis_nodes"`
	// RedisNodesHost is where clients of clusters reach these, where that is not the address by which they reached the first.
	RedisNodesHost string `yaml:"redis_nodes_host"`
}

// defaultNative is loopback, each on a port that is easy to know the protocol by.
func defaultNative() nativeConfig {
	return nativeConfig{Postgres: "127.0.0.1:7432", MySQL: "127.0.0.1:7306", Redis: "127.0.0.1:7379", SSH: "127.0.0.1:2222"}
}

// each calls visit with the address of every native entrance.
func (c *nativeConfig) each(visit func(p served, address *string)) {
	for _, p := range servedProtocols() {
		visit(p, p.listen(c))
	}
}

// check says what is wrong with the addresses.
func (c *nativeConfig) check() (err error) {
	c.each(func(p served, address *string) {
		if err == nil {
			err = checkListen("listen."+p.name, *address)
		}
	})
	for node, address := range c.RedisNodes {
		if resource, name, ok := strings.Cut(node, "/"); err == nil && (!ok || resource == "" || name == "") {
			err = fmt.Errorf("listen.redis_nodes: %q is not RESOURCE/NODE", node)
		}
		if err == nil {
			err = checkListen("listen.redis_nodes."+node, address)
		}
	}
	return err
}

// flags adds a flag for each native entrance.
func (c *nativeConfig) flags(f *pflag.FlagSet) {
	c.each(func(p served, address *string) {
		f.StringVar(address, "listen-"+p.name, "", fmt.Sprintf(`address of the native entrance for %s, or "off"`, p.words))
	})
}

// complete takes from defaults what is not given.
func (c *nativeConfig) complete(defaults nativeConfig) {
	c.each(func(p served, address *string) { *address = cmp.Or(*address, *p.listen(&defaults)) })
	c.MySQLVersion = cmp.Or(c.MySQLVersion, defaults.MySQLVersion)
	c.RedisNodesHost = cmp.Or(c.RedisNodesHost, defaults.RedisNodesHost)
	if c.RedisNodes == nil {
		c.RedisNodes = defaults.RedisNodes
	}
}

func newProtocols(of parts) map[string]proxy.Protocol {
	protocols := map[string]proxy.Protocol{}
	for _, p := range servedProtocols() {
		protocols[p.name] = p.make(of)
	}
	return protocols
}

// statementFacts tells what policy looks at of a statement's text, as the gate does when it runs.
func statementFacts(protocols map[string]proxy.Protocol) func(protocol string, text []byte) (access.Statement, error) {
	readers := proxy.Readers(protocols)
	return func(protocol string, text []byte) (access.Statement, error) {
		reader, ok := readers[protocol]
		if !ok {
			return access.Statement{}, fmt.Errorf("statements of %s cannot be read by their text", protocol)
		}
		f := reader.Facts(text)
		class := reader.Class(text)
		if class == "read" && !f.Understood {
			class = "other" // what only seems to read may do anything
		}
		return access.Statement{Class: class, Tables: f.Tables, Columns: f.Columns, Understood: f.Understood, WholeTable: f.WholeTable,
			Fingerprint: f.Fingerprint}, nil
	}
}
