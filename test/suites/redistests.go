package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// tclLine is what Redis's own suite says of a test.
var tclLine = regexp.MustCompile(`(?m)^\[(ok|err|ignore|exception)\]: (.*?)(?: \(\d+ ms\))?$`)

// colour is how a terminal is told one.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// runTcl runs units of Redis's own suite, one after the other, against an external server. A test's name is its unit's
// and its own.
func runTcl(ctx context.Context, j *job, units []string) (map[string]result, error) {
	results := make(map[string]result)
	for _, unit := range units {
		of := *j
		of.logs = filepath.Join(j.logs, filepath.Base(unit))
		if err := os.MkdirAll(of.logs, 0o755); err != nil {
			return nil, fmt.Errorf("make output directory: %w", err)
		}
		args := []string{"tests/test_helper.tcl", "--host", j.door.host, "--port", j.door.port, "--single", unit, "--durable", "--dont-clean",
			"--tags", "-needs:repl -slow", "--timeout", "300"}
		for _, test := range tclRaces {
			args = append(args, "--skiptest", test)
		}
		out, err := of.command(ctx, filepath.Join(j.cache, "redis"), "tclsh", args...)
		if err != nil {
			return nil, err
		}
		for _, found := range tclLine.FindAllStringSubmatch(colour.ReplaceAllString(string(out), ""), -1) {
			name, _, _ := strings.Cut(found[2], " in tests/")
			name = unit + ": " + name
			switch found[1] {
			case "ok":
				if results[name] != failed {
					results[name] = passed
				}
			case "ignore":
				results[name] = skipped
			default:
				results[name] = failed
			}
		}
	}
	return results, nil
}

// runGinkgo runs a Go module whose tests are one of Ginkgo's suites, and reads its report.
func runGinkgo(ctx context.Context, j *job, module, suite string, env []string, args ...string) (map[string]result, error) {
	file := filepath.Join(j.logs, "junit.xml")
	args = append([]string{"test", "-count", "1", "-timeout", "15m", "-run", "^" + suite + "$", ".", "-ginkgo.junit-report", file}, args...)
	if _, err := j.commandEnv(ctx, filepath.Join(j.cache, module), env, "go", args...); err != nil {
		return nil, err
	}
	return readJUnit(file)
}

// benchmarkLine is what redis-benchmark says of a test when it is done.
var benchmarkLine = regexp.MustCompile(`(?m)^([A-Z][^\n:]*): (?:[\d.]+|inf) requests per second`)

// redisArguments are those of Redis's programs at a door.
func (d door) redisArguments() []string {
	args := []string{"-h", d.host, "-p", d.port}
	if d.password != "" {
		args = append(args, "--user", d.user, "-a", d.password)
	}
	return args
}

// runRedisBenchmark runs each of redis-benchmark's tests with so many requests, at several depths of its pipeline. One has
// passed when all its requests were answered.
func runRedisBenchmark(ctx context.Context, j *job, requests int) (map[string]result, error) {
	program, err := exec.LookPath("redis-benchmark")
	if err != nil {
		return nil, fmt.Errorf("find redis-benchmark: %w", err)
	}
	results := make(map[string]result)
	for _, depth := range []string{"1", "16", "100"} {
		out, err := j.command(ctx, j.logs, program, append(j.door.redisArguments(), "-n", strconv.Itoa(requests), "-P", depth, "-r", "1000",
			"-d", "100", "-q", "-e")...)
		if err != nil {
			return nil, err
		}
		for _, found := range benchmarkLine.FindAllStringSubmatch(strings.ReplaceAll(string(out), "\r", "\n"), -1) {
			results[found[1]+", -P "+depth] = passed
		}
	}
	return results, nil
}
