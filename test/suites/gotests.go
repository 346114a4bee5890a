package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
)

// goLine is one line of `go test -json`.
type goLine struct {
	Action  string
	Package string
	Test    string
}

// runGo runs the tests of a Go module in the cache, in the given environment; args are further ones of `go test`.
func runGo(ctx context.Context, j *job, module string, env []string, args ...string) (map[string]result, error) {
	dir := filepath.Join(j.cache, module)
	// One package at a time: they share the database.
	args = append([]string{"test", "-json", "-p", "1", "-count", "1", "-timeout", "15m"}, args...)
	out, err := j.commandEnv(ctx, dir, env, "go", append(args, "./...")...)
	if err != nil {
		return nil, err
	}
	results := make(map[string]result)
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var l goLine
		if json.Unmarshal(lines.Bytes(), &l) != nil || l.Test == "" {
			continue
		}
		name := l.Package + "." + l.Test
		switch l.Action {
		case "run":
			results[name] = failed // unless it says otherwise
		case "pass":
			results[name] = passed
		case "fail":
			results[name] = failed
		case "skip":
			results[name] = skipped
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read output of go test: %w", err)
	}
	return results, nil
}
