package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	tpsLine         = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)
	transactionLine = regexp.MustCompile(`(?m)^number of transactions actually processed: ([0-9]+)`)
	failedLine      = regexp.MustCompile(`(?m)^number of failed transactions: ([0-9]+)`)
)

// pgbenchRun is what one pgbench run measured.
type pgbenchRun struct {
	tps          float64
	transactions int64
	p50, p99     float64 // microseconds, of the sampled transactions
}

// pgbench runs for the configured time with the given number of clients.
func (l *lab) pgbench(ctx context.Context, g login, clients int, args ...string) (run pgbenchRun, err error) {
	dir, err := os.MkdirTemp(l.dir, "pgbench-")
	if err != nil {
		return run, fmt.Errorf("make directory for pgbench's log: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// A run's percentiles need some thousand samples; logging each transaction would cost time of its own.
	sampling := "0.05"
	if clients == 1 {
		sampling = "0.25"
	}
	args = append([]string{"-n", "-T", strconv.Itoa(l.options.seconds), "-c", strconv.Itoa(clients), "-j", strconv.Itoa(min(clients, 2)),
		"-l", "--sampling-rate=" + sampling, "--log-prefix=" + filepath.Join(dir, "log")}, args...)
	out, err := l.runPgbench(ctx, g, args...)
	if err != nil {
		return run, err
	}
	if run, err = parsePgbench(out); err != nil {
		return run, err
	}
	if slices.Contains(args, "-C") {
		return run, nil // the log leaves the time of connecting out
	}
	latencies, err := readLatencies(dir)
	if err != nil {
		return run, err
	}
	run.p50, run.p99 = percentile(latencies, 50), percentile(latencies, 99)
	return run, nil
}

// runPgbench runs pgbench, bounded in time, and returns what it printed.
func (l *lab) runPgbench(ctx context.Context, g login, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(l.options.seconds)*time.Second+2*time.Minute)
	defer cancel()
	args = append(args, "-h", g.host, "-p", g.port, "-U", g.user, g.database)
	cmd := exec.CommandContext(ctx, filepath.Join(l.postgres.BinDir, "pgbench"), args...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+g.password, "PGSSLMODE=disable", "PGGSSENCMODE=disable")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run pgbench: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

// parsePgbench reads pgbench's summary. A run in which a transaction failed counts as failed.
func parsePgbench(out []byte) (run pgbenchRun, err error) {
	number := func(re *regexp.Regexp) float64 {
		match := re.FindSubmatch(out)
		if match == nil {
			err = errors.Join(err, fmt.Errorf("read pgbench's summary: no line like %s in %q", re, out))
			return 0
		}
		n, parseErr := strconv.ParseFloat(string(match[1]), 64)
		err = errors.Join(err, parseErr)
		return n
	}
	run.tps, run.transactions = number(tpsLine), int64(number(transactionLine))
	failed := number(failedLine)
	switch {
	case err != nil:
		return run, err
	case failed > 0 || run.transactions == 0:
		return run, fmt.Errorf("pgbench: %.0f transactions failed, %d succeeded", failed, run.transactions)
	}
	return run, nil
}

// readLatencies reads the third column of pgbench's logs: a transaction's time in microseconds.
func readLatencies(dir string) ([]float64, error) {
	logs, err := filepath.Glob(filepath.Join(dir, "log*"))
	if err != nil {
		return nil, fmt.Errorf("find pgbench's logs: %w", err)
	}
	var all []float64
	for _, path := range logs {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read pgbench's log: %w", err)
		}
		lines := bufio.NewScanner(bytes.NewReader(b))
		for lines.Scan() {
			fields := strings.Fields(lines.Text())
			if len(fields) < 3 {
				continue
			}
			us, err := strconv.ParseFloat(fields[2], 64)
			if err != nil {
				return nil, fmt.Errorf("read pgbench's log line %q: %w", lines.Text(), err)
			}
			all = append(all, us)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("read pgbench's logs: no transaction was sampled")
	}
	return all, nil
}
