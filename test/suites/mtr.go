package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mtrDir is where Debian's package mariadb-test puts MariaDB's own tests.
const mtrDir = "/usr/share/mysql/mysql-test"

// mtrForeign matches what an external server does not serve: further connections as root without a password, restarts,
// the binary log, programs that mariadb-test finds beside a server of its own, and the server's files.
var mtrForeign = regexp.MustCompile(`(?im)^\s*(?:--)?\s*(?:connect\b|change_user\b|exec\b|system\b|shutdown|write_file|` +
	`source include/(?:restart|kill|crash|have_debug|have_log_bin|master-slave|big_test|count_sessions|testdb_only|have_profiling))|` +
	`binlog|_error_log|\bmysqld_datadir\b|@@datadir|\$MYSQLD_DATADIR|general_log|slow_log|processlist|performance_schema\.`)

// mtrRefused is a test that the gateway refuses a statement of: random bytes as strings whose ends hang on sql_mode, and that look
// like secrets. What it leaves behind fails eight others, so it does not run.
const mtrRefused = "ctype_sjis_innodb"

// mtrSource matches a test's inclusion of another file.
var mtrSource = regexp.MustCompile(`(?im)^\s*(?:--)?\s*source\s+([^\s;]+)`)

// mtrTests names the tests of MariaDB's suite main that an external server can run: those without settings of their own
// whose text, with all that it includes, asks for nothing foreign.
func mtrTests() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(mtrDir, "main", "*.test"))
	if err != nil {
		return nil, fmt.Errorf("list tests: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no tests; scripts/setup.sh suites installs them", filepath.Join(mtrDir, "main"))
	}
	var tests []string
	for _, file := range files {
		base := strings.TrimSuffix(file, ".test")
		skip := filepath.Base(base) == mtrRefused
		for _, suffix := range []string{".opt", "-master.opt", "-slave.opt", ".cnf", ".sh", "-master.sh"} {
			_, err := os.Stat(base + suffix)
			skip = skip || err == nil
		}
		if skip {
			continue
		}
		foreign, err := mtrNeedsMore(file, make(map[string]bool))
		if err != nil {
			return nil, err
		}
		if !foreign {
			tests = append(tests, "main."+filepath.Base(base))
		}
	}
	return tests, nil
}

// mtrNeedsMore tells whether a file, or one that it includes, asks for what an external server does not serve.
func mtrNeedsMore(file string, seen map[string]bool) (bool, error) {
	if seen[file] {
		return false, nil
	}
	seen[file] = true
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // its name is made up while the test runs
	}
	if err != nil {
		return false, fmt.Errorf("read a test: %w", err)
	}
	if mtrForeign.Match(text) {
		return true, nil
	}
	for _, found := range mtrSource.FindAllSubmatch(text, -1) {
		included := string(found[1])
		if mtrForeign.MatchString("source " + included) {
			return true, nil
		}
		beside := filepath.Join(filepath.Dir(file), included)
		if _, err := os.Stat(beside); err != nil {
			beside = filepath.Join(mtrDir, included)
		}
		if more, err := mtrNeedsMore(beside, seen); more || err != nil {
			return more, err
		}
	}
	return false, nil
}

// mtrSettings are the server's settings that MariaDB's tests expect, of their own file, without those that name
// the files of a server that they start themselves.
func mtrSettings() (map[string]string, error) {
	f, err := os.Open(filepath.Join(mtrDir, "include/default_mysqld.cnf"))
	if err != nil {
		return nil, fmt.Errorf("read the settings that MariaDB's tests expect: %w", err)
	}
	defer f.Close()
	settings := map[string]string{"secure-file-priv": "/", "default-time-zone": "+03:00"} // as their runner has them, or wider
	section := ""
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			section = line
		}
		if section != "[mysqld]" || line == "" || strings.ContainsAny(line[:1], "[#!") || strings.Contains(line, "@ENV") {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if !found {
			value = "1"
		}
		settings[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), "'")
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the settings that MariaDB's tests expect: %w", err)
	}
	delete(settings, "log-basename") // the log is ours
	return settings, nil
}

// mtrLine is what mariadb-test says of a test.
var mtrLine = regexp.MustCompile(`(?m)^([a-z_0-9]+\.[\w.,'-]+)(?: '[^']*')?(?: w\d+)?\s+\[ (pass|fail|skipped|disabled|retry-pass|retry-fail) \]`)

// runMTR runs mariadb-test against a server that it did not start; args are further ones, which choose its protocol.
// A test that fails leaves tables behind on which others fail, so those run once more, each in a fresh database.
func runMTR(ctx context.Context, j *job, args ...string) (map[string]result, error) {
	tests, err := mtrTests()
	if err != nil {
		return nil, err
	}
	// Tests name files from where the server's data lie.
	for name, target := range map[string]string{"std_data": filepath.Join(mtrDir, "std_data"), "tmp": filepath.Join(j.dir, "var", "tmp")} {
		if err := os.Symlink(target, filepath.Join(j.dir, name)); err != nil {
			return nil, fmt.Errorf("link the tests' files: %w", err)
		}
	}
	results, err := mtrRun(ctx, j, append(slices.Clone(args), tests...))
	if err != nil {
		return nil, err
	}
	for _, test := range slices.Sorted(maps.Keys(results)) {
		if results[test] != failed {
			continue
		}
		if err := renewDatabase(ctx, j); err != nil {
			return nil, err
		}
		again := *j
		again.logs = filepath.Join(j.logs, test)
		if err := os.MkdirAll(again.logs, 0o755); err != nil {
			return nil, fmt.Errorf("make output directory: %w", err)
		}
		second, err := mtrRun(ctx, &again, append(slices.Clone(args), test))
		if err != nil {
			return nil, err
		}
		maps.Copy(results, second)
	}
	return results, nil
}

// mtrSetup makes what every test of MariaDB's expects besides the database "test".
var mtrSetup = []string{"CREATE DATABASE mtr", "CREATE PROCEDURE mtr.add_suppression(pattern TEXT) BEGIN END"}

// renewDatabase empties the database "test". The server does not drop one in whose directory a test has left files.
func renewDatabase(ctx context.Context, j *job) error {
	dropped := j.store.makeDatabase(ctx, "", []string{"DROP DATABASE IF EXISTS test"})
	if err := os.RemoveAll(filepath.Join(j.dir, "store", "data", "test")); err != nil {
		return errors.Join(dropped, fmt.Errorf("remove what tests left: %w", err))
	}
	return j.store.makeDatabase(ctx, "", append([]string{"CREATE DATABASE test", "DROP DATABASE IF EXISTS mtr"}, mtrSetup...))
}

// mtrRun runs mariadb-test once.
func mtrRun(ctx context.Context, j *job, args []string) (map[string]result, error) {
	d := j.door
	args = append([]string{"mysql-test-run.pl", "--force", "--max-test-fail=0", "--nowarnings", "--vardir=" + filepath.Join(j.dir, "var"),
		"--testcase-timeout=2", "--extern", "host=" + d.host, "--extern", "port=" + d.port, "--extern", "protocol=tcp",
		// Quotes end with the shell and the option file that the name comes to.
		"--extern", `user="` + d.user + `"`, "--extern", `password="` + d.password + `"`}, args...)
	out, err := j.command(ctx, mtrDir, "perl", args...)
	if err != nil {
		return nil, err
	}
	rejected, err := filepath.Glob(filepath.Join(mtrDir, "main", "*.reject"))
	if err != nil {
		return nil, fmt.Errorf("list what tests leave: %w", err)
	}
	for _, file := range rejected {
		if err := os.Remove(file); err != nil {
			return nil, fmt.Errorf("remove what a test leaves: %w", err)
		}
	}
	results := make(map[string]result)
	for _, found := range mtrLine.FindAllStringSubmatch(string(out), -1) {
		switch found[2] {
		case "pass", "retry-pass":
			results[found[1]] = passed
		case "fail", "retry-fail":
			results[found[1]] = failed
		default:
			results[found[1]] = skipped
		}
	}
	return results, nil
}
