// Package threats holds the threat model to its word.
package threats

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// files reads those below the directory whose names end so.
func files(t *testing.T, dir string, ends ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && d.Name() != "..") {
			return filepath.SkipDir
		}
		for _, end := range ends {
			if strings.HasSuffix(path, end) {
				text, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				found[path] = string(text)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Every threat names a test, and every test that is named exists.
func TestEveryThreatHasItsTest(t *testing.T) {
	declared := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	for _, text := range files(t, ".", "_test.go") {
		for _, match := range function.FindAllStringSubmatch(text, -1) {
			declared[match[1]] = true
		}
	}
	model, err := os.ReadFile(filepath.Join(root, "docs/threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test\\w+)`")
	threats, inThreats := 0, false
	for line := range strings.Lines(string(model)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			inThreats = false
			continue
		}
		if strings.HasPrefix(line, "| threat |") {
			inThreats = true
			continue
		}
		if !inThreats || strings.HasPrefix(line, "| ---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 4 {
			t.Errorf("%d cells, want 4: %s", len(cells), line)
			continue
		}
		threats++
		tests := named.FindAllStringSubmatch(cells[3], -1)
		if len(tests) == 0 {
			t.Errorf("no test shows what stops %q", strings.TrimSpace(cells[0]))
		}
		for _, test := range tests {
			if !declared[test[1]] {
				t.Errorf("%q is shown by %s, which does not exist", strings.TrimSpace(cells[0]), test[1])
			}
		}
	}
	if threats < 40 {
		t.Errorf("only %d threats were read", threats)
	}
}

// What people write is shown as text. The one way to have React take it for HTML, and the ways around React, are not
// used; links lead to addresses that functions of ours have made.
func TestThePageTakesNoTextForHTML(t *testing.T) {
	never := regexp.MustCompile(`dangerouslySetInnerHTML|\.(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(|srcdoc|srcDoc`)
	link := regexp.MustCompile(`\b(?:href|src|action|formAction)=\{([^}]*)\}`)
	made := regexp.MustCompile(`^(?:API \+ )?\w*(?:[pP]ath|[hH]ref)\(`)
	sources := files(t, "web/src", ".ts", ".tsx")
	for path, text := range sources {
		if strings.HasSuffix(path, ".gen.ts") || strings.Contains(path, ".test.") {
			continue
		}
		if found := never.FindString(text); found != "" {
			t.Errorf("%s: %s", path, found)
		}
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			if !made.MatchString(match[1]) {
				t.Errorf("%s: a link to %s; have a function make it whose name ends in Path or Href", path, match[1])
			}
		}
	}
	if len(sources) < 20 {
		t.Errorf("only %d files were read", len(sources))
	}
}
