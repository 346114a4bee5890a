package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// regressLine is what pg_regress says of a test, alone or in a parallel group; both before version 16 and since.
var regressLine = regexp.MustCompile(`(?m)^(?:test )?\s*([a-z0-9_.]+)\s+\.\.\. (ok|FAILED)|^(ok|not ok) \d+\s+[-+] (\S+)`)

// runRegress runs pg_regress with the store's own schedule.
func runRegress(ctx context.Context, j *job) (map[string]result, error) {
	src := filepath.Join(j.cache, "regress")
	// Tests write files on the server's side and on psql's, which are different users.
	for _, dir := range []string{"results", "testtablespace"} {
		if err := os.MkdirAll(filepath.Join(j.logs, dir), 0o777); err != nil {
			return nil, fmt.Errorf("make output directory: %w", err)
		}
		if err := os.Chmod(filepath.Join(j.logs, dir), 0o777); err != nil {
			return nil, fmt.Errorf("open output directory: %w", err)
		}
	}
	out, err := j.command(ctx, src, filepath.Join(src, "pg_regress"),
		"--inputdir="+src, "--outputdir="+j.logs, "--dlpath="+filepath.Join(src, "lib"), "--bindir="+j.store.(*postgresStore).BinDir,
		"--use-existing", "--dbname="+j.door.database, "--host="+j.door.host, "--port="+j.door.port, "--user="+j.door.user,
		"--schedule="+filepath.Join(src, "parallel_schedule"), "--max-concurrent-tests=20")
	if err != nil {
		return nil, err
	}
	results := make(map[string]result)
	for _, found := range regressLine.FindAllStringSubmatch(string(out), -1) {
		switch {
		case found[2] == "ok":
			results[found[1]] = passed
		case found[2] == "FAILED":
			results[found[1]] = failed
		case found[3] == "ok":
			results[found[4]] = passed
		case found[3] == "not ok":
			results[found[4]] = failed
		}
	}
	return results, nil
}
