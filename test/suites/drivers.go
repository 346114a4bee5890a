package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// driverTests are tests of ours for drivers whose packages have none, a file a driver.
//
//go:embed drivers
var driverTests embed.FS

// driverLine is what they say of a test: before all of them that there is one, and then how it went.
var driverLine = regexp.MustCompile(`(?m)^(has|ok|not ok) (.+)$`)

// runDriver runs our tests of a Node.js driver that lies in the cache.
func runDriver(ctx context.Context, j *job, file string) (map[string]result, error) {
	d := j.door
	return j.runDriverBy(ctx, "node", file, append(os.Environ(), "NODE_PATH="+filepath.Join(j.cache, "node", "node_modules"), "DB_HOST="+d.host,
		"DB_PORT="+d.port, "DB_USER="+d.user, "DB_PASSWORD="+d.password, "DB_NAME="+d.database))
}

// runDriverBy runs tests of ours by a program, and reads what they say. args choose among them, where the file can.
func (j *job) runDriverBy(ctx context.Context, program, file string, env []string, args ...string) (map[string]result, error) {
	if err := os.CopyFS(j.logs, driverTests); err != nil {
		return nil, fmt.Errorf("lay out tests: %w", err)
	}
	out, err := j.commandEnv(ctx, filepath.Join(j.logs, "drivers"), env, program,
		append([]string{filepath.Join(j.logs, "drivers", file)}, args...)...)
	if err != nil {
		return nil, err
	}
	results := make(map[string]result)
	for _, found := range driverLine.FindAllStringSubmatch(string(out), -1) {
		results[found[2]] = failed
		if found[1] == "ok" {
			results[found[2]] = passed
		}
	}
	return results, nil
}

// nodeTestLimit ends a single file of node-mysql's tests.
const nodeTestLimit = time.Minute

// runNodeMySQL runs node-mysql's own tests that want a server, each of which is a program.
func runNodeMySQL(ctx context.Context, j *job) (map[string]result, error) {
	root := filepath.Join(j.cache, "nodemysql")
	files, err := filepath.Glob(filepath.Join(root, "test", "integration", "*", "test-*.js"))
	if err != nil {
		return nil, fmt.Errorf("list tests: %w", err)
	}
	d := j.door
	env := append(cleanEnv("MYSQL"), "MYSQL_HOST="+d.host, "MYSQL_PORT="+d.port, "MYSQL_USER="+d.user, "MYSQL_PASSWORD="+d.password,
		"MYSQL_DATABASE="+d.database)
	results := make(map[string]result)
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, filepath.Join(root, "test", "integration")+"/"), ".js")
		if results[name], err = runNodeTest(ctx, j, root, name, env); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func runNodeTest(ctx context.Context, j *job, root, name string, env []string) (result, error) {
	of := *j
	of.logs = filepath.Join(j.logs, filepath.Base(name))
	if err := os.MkdirAll(of.logs, 0o755); err != nil {
		return "", fmt.Errorf("make output directory: %w", err)
	}
	const program = `const t = setTimeout(() => { console.error("it takes too long"); process.exit(1) }, Number(process.argv[2])); t.unref(); ` +
		`process.on("exit", (code) => console.log("exit " + code)); require(process.argv[1])`
	file := filepath.Join(root, "test", "integration", name+".js")
	out, err := of.commandEnv(ctx, root, env, "node", "-e", program, file, fmt.Sprint(nodeTestLimit.Milliseconds()))
	switch {
	case err != nil:
		return "", err
	case !strings.HasSuffix(string(out), "exit 0\n"):
		return failed, nil
	case strings.Contains(string(out), "skipping - "):
		return skipped, nil
	}
	return passed, nil
}
