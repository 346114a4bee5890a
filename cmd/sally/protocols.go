package main

import (
	"fmt"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/postgres"
)

// served is a protocol that a gateway serves.
type served struct {
	name  string // in the configuration, in resources and in the record
	words string // for people
	// listen is where its native entrance is configured.
	listen func(*nativeConfig) *string
	make   func(limitsConfig) proxy.Protocol
}

// servedProtocols are in the order in which people are told of them.
func servedProtocols() []served {
	return []served{
		{"postgres", "PostgreSQL", func(c *nativeConfig) *string { return &c.Postgres },
			func(l limitsConfig) proxy.Protocol { return postgres.New(l.StatementBytes) }},
	}
}

// nativeConfig holds the addresses of the native entrances, a port for each protocol: host:port each; "off" closes one.
type nativeConfig struct {
	Postgres string `yaml:"postgres"`
}

func newProtocols(limits limitsConfig) map[string]proxy.Protocol {
	protocols := map[string]proxy.Protocol{}
	for _, p := range servedProtocols() {
		protocols[p.name] = p.make(limits)
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
