// Sqlgrammar compares proxy/sqltext with PostgreSQL's own parser (libpg_query in WebAssembly) over the statements of
// that library's tests, and measures both. It is a module of its own, so that the product does not depend on it:
//
//	cd test/sqlgrammar && go run .
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	pgquery "github.com/wasilibs/go-pgquery/parser"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

func main() {
	statements, err := corpus()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sqlgrammar:", err)
		os.Exit(1)
	}
	var c comparison
	start := time.Now()
	if _, err := pgquery.ParseToProtobuf("SELECT 1"); err != nil {
		fmt.Fprintln(os.Stderr, "sqlgrammar:", err)
		os.Exit(1)
	}
	fmt.Printf("libpg_query is ready after %s\n", time.Since(start).Round(time.Millisecond))
	for _, sql := range statements {
		c.compare(sql)
	}
	fmt.Printf("%d statements that PostgreSQL understands: %d understood here, %d with the same tables, %d with all columns\n",
		c.valid, c.parsed, c.tables, c.columns)
	fmt.Printf("libpg_query %s a statement, proxy/sqltext %s, both for the first time\n",
		(c.theirs / time.Duration(c.valid)).Round(100*time.Nanosecond), (c.ours / time.Duration(c.valid)).Round(100*time.Nanosecond))
}

// corpus gives the string constants of the library's tests that look like SQL.
func corpus() ([]string, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/wasilibs/go-pgquery").Output()
	if err != nil {
		return nil, fmt.Errorf("find the library: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*_test.go"))
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	var statements []string
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return nil, fmt.Errorf("read the library's tests: %w", err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			l, ok := n.(*ast.BasicLit)
			if !ok || l.Kind != token.STRING {
				return true
			}
			s, err := strconv.Unquote(l.Value)
			if err == nil && strings.Contains(s, " ") && len(s) < 20_000 && !seen[s] {
				seen[s] = true
				statements = append(statements, s)
			}
			return true
		})
	}
	return statements, nil
}

type comparison struct {
	valid, parsed, tables, columns int
	theirs, ours                   time.Duration
}

func (c *comparison) compare(sql string) {
	start := time.Now()
	if _, err := pgquery.ParseToProtobuf(sql); err != nil {
		return
	}
	c.theirs += time.Since(start)
	tree, err := pgquery.ParseToJSON(sql)
	if err != nil {
		return
	}
	c.valid++
	start = time.Now()
	facts := sqltext.NewCache().Facts([]byte(sql))
	c.ours += time.Since(start)
	if !facts.Parsed {
		fmt.Printf("not understood: %.200q\n", sql)
		return
	}
	c.parsed++
	var root any
	if err := json.Unmarshal([]byte(tree), &root); err != nil {
		return
	}
	w := named{tables: make(map[string]bool), columns: make(map[string]bool), local: make(map[string]bool)}
	w.collect(root)
	if diff := w.tablesBut(facts.Tables); len(diff) == 0 {
		c.tables++
	} else {
		fmt.Printf("tables %v: %.200q\n", diff, sql)
	}
	if diff := w.columnsBut(facts.Columns); len(diff) == 0 {
		c.columns++
	} else {
		fmt.Printf("columns %v: %.200q\n", diff, sql)
	}
}

// named is what a parse tree names.
type named struct {
	tables, columns map[string]bool
	local           map[string]bool // names that the statement itself gives, to subqueries and results
}

func (n *named) collect(v any) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			n.collect(x)
		}
	case map[string]any:
		for key, x := range v {
			n.node(key, x)
			n.collect(x)
		}
	}
}

func (n *named) node(key string, v any) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	text := func(field string) string { s, _ := m[field].(string); return s }
	switch {
	case key == "CommonTableExpr":
		n.local[text("ctename")] = true
	case key == "ResTarget" || key == "alias":
		n.local[text("name")+text("aliasname")] = true
	case key == "ColumnRef":
		fields, _ := m["fields"].([]any)
		if len(fields) == 0 {
			return
		}
		last, _ := fields[len(fields)-1].(map[string]any)
		if s, ok := last["String"].(map[string]any); ok {
			name, _ := s["sval"].(string)
			n.columns[name] = true
		}
	case m["relname"] != nil && m["relpersistence"] != nil:
		name := text("relname")
		for _, qualifier := range []string{text("schemaname"), text("catalogname")} {
			if qualifier != "" {
				name = qualifier + "." + name
			}
		}
		n.tables[name] = true
	}
}

// tablesBut gives the tables that the tree names and got does not (-), and the other way round (+).
func (n *named) tablesBut(got []string) (diff []string) {
	have := make(map[string]bool)
	for _, t := range got {
		if have[t] = true; !n.tables[t] {
			diff = append(diff, "+"+t)
		}
	}
	for t := range n.tables {
		if !have[t] && !n.local[t] {
			diff = append(diff, "-"+t)
		}
	}
	return diff
}

// columnsBut gives the columns that the tree names and got does not.
func (n *named) columnsBut(got []string) (diff []string) {
	have := make(map[string]bool)
	for _, c := range got {
		have[c[strings.LastIndexByte(c, '.')+1:]] = true
	}
	for c := range n.columns {
		if c != "" && !have[c] && !n.local[c] {
			diff = append(diff, "-"+c)
		}
	}
	return diff
}
