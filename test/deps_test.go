// Package test holds the tests of the whole: what no package's own tests can see.
package test

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sallyport/sallyport/"

// listed is what `go list -json` tells of a package.
type listed struct {
	ImportPath, Dir string
	Imports         []string
	GoFiles         []string
	TestGoFiles     []string
	XTestGoFiles    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles,TestGoFiles,XTestGoFiles", module+"...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(p.ImportPath, "/node_modules/") {
			continue // of a package that npm has brought
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		all = append(all, p)
	}
}

// within says whether a package is one of the trees or below one.
func within(pkg string, trees ...string) bool {
	for _, tree := range trees {
		if pkg == tree || strings.HasPrefix(pkg, tree+"/") {
			return true
		}
	}
	return false
}

// protocolHelpers are the packages below proxy that are no protocol.
var protocolHelpers = []string{"proxy/sqltext", "proxy/mysqltext", "proxy/redact", "proxy/proxytest"}

// allowed says whether a package of the product may import another. docs/architecture.md has the reasons.
func allowed(from, to string) bool {
	room, _, _ := strings.Cut(from, "/")
	switch room {
	case "cmd", "test":
		return true
	case "audit", "access":
		return within(to, room)
	case "creds":
		return within(to, "creds", "access")
	case "proxy":
		switch {
		case from == "proxy":
			return within(to, "access", "audit", "creds") || to == "proxy/redact"
		case from == "proxy/redact":
			return to == "audit" || to == "proxy/sqltext"
		case from == "proxy/proxytest":
			return within(to, "proxy", "access", "audit", "creds")
		case from == "proxy/sqltext":
			return false
		case within(to, protocolHelpers...):
			return to != "proxy/proxytest"
		}
		return to == "proxy" || within(to, from) || within(from, to) && to != "proxy" || within(to, "access", "creds") || to == "audit" ||
			from == "proxy/ssh" && to == "audit/recording"
	case "admin":
		return within(to, "admin", "access", "audit", "creds", "link", "web")
	case "gateway":
		return within(to, "gateway", "access", "audit", "creds", "link")
	case "link":
		return within(to, "link", "access")
	case "client":
		return within(to, "client")
	case "web":
		return within(to, "web")
	}
	return false
}

func TestImportsRunOneWay(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		for _, to := range p.Imports {
			if to, ours := strings.CutPrefix(to, module); ours {
				if seen++; !allowed(p.ImportPath, to) {
					t.Errorf("%s must not import %s", p.ImportPath, to)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no import was seen")
	}
	for _, forbidden := range [][2]string{{"admin", "proxy"}, {"client", "admin"}, {"proxy/postgres", "proxy/mysql"}, {"proxy/postgres", "admin"},
		{"audit", "access"}, {"proxy", "proxy/postgres"}, {"proxy/postgres", "audit/journal"}, {"creds", "audit"}} {
		if allowed(forbidden[0], forbidden[1]) {
			t.Errorf("%s may import %s", forbidden[0], forbidden[1])
		}
	}
}

func TestOnePackageDoc(t *testing.T) {
	for _, p := range packages(t) {
		files := p.GoFiles
		if len(files) == 0 {
			files = slices.Concat(p.TestGoFiles, p.XTestGoFiles)
		}
		var documented []string
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if file.Doc != nil {
				documented = append(documented, name)
			}
		}
		if len(documented) != 1 {
			t.Errorf("package %s has %d package comments, want 1: %v", p.ImportPath, len(documented), documented)
		}
	}
}
