package main

import (
	"bytes"
	"os"
	"testing"
)

// The web's types are made from the description that is kept, so that must be the API's.
func TestKeptOpenAPIDocumentIsFresh(t *testing.T) {
	kept, err := os.ReadFile("../../web/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := newRootCommand()
	cmd.SetArgs([]string{"openapi"})
	cmd.SetOut(&out)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), kept) {
		t.Error("web/openapi.json is not what the Go types say; run: make generate")
	}
}
