package main

import (
	"fmt"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// statementFacts tells what policy looks at of a statement's text, as the gate does when it runs.
func statementFacts(protocol string, text []byte) (access.Statement, error) {
	if protocol != "postgres" {
		return access.Statement{}, fmt.Errorf("statements of %s cannot be read by their text", protocol)
	}
	f := sqltext.NewCache().Facts(text)
	class := sqltext.Stronger(sqltext.Class(text), f.Calls)
	if class == "read" && !f.Understood {
		class = "other" // what only seems to read may do anything
	}
	return access.Statement{Class: class, Tables: f.Tables, Columns: f.Columns, Understood: f.Understood, WholeTable: f.WholeTable,
		Fingerprint: f.Fingerprint}, nil
}
