package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// redisCommands is how many commands of a kind redis-benchmark sends in a second of the configured time, for each command of
// a pipeline up to a hundred.
const redisCommands = 8000

// redisCase measures GET and SET, so many commands in a pipeline, by redis-benchmark.
func redisCase(pipeline int) func(context.Context, *lab, target, int) (sample, error) {
	return func(ctx context.Context, l *lab, t target, clients int) (sample, error) {
		n := redisCommands * l.options.seconds * min(pipeline, 20)
		before, err := t.cpu()
		if err != nil {
			return sample{}, err
		}
		s, err := redisBenchmark(ctx, t.logins[redisDatabase], n, clients, pipeline)
		if err != nil {
			return sample{}, err
		}
		after, err := t.cpu()
		if err != nil {
			return sample{}, err
		}
		s.cpuUS = float64((after - before).Microseconds()) / float64(2*n)
		return s, nil
	}
}

func redisBenchmark(ctx context.Context, g login, n, clients, pipeline int) (s sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "redis-benchmark", "-h", g.host, "-p", g.port, "--user", g.user, "-a", g.password, "-t", "set,get",
		"-n", strconv.Itoa(n), "-c", strconv.Itoa(clients), "-P", strconv.Itoa(pipeline), "-r", "10000", "--csv")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return s, fmt.Errorf("run redis-benchmark: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	rows, err := csv.NewReader(&stdout).ReadAll()
	if err != nil {
		return s, fmt.Errorf("read redis-benchmark's table: %w", err)
	}
	return readRedisTable(rows)
}

// readRedisTable takes the rate of both commands together, and the worse of their latencies. Its rows, behind a heading,
// are: test, rps, avg_latency_ms, min, p50, p95, p99, max.
func readRedisTable(rows [][]string) (s sample, err error) {
	if len(rows) != 3 {
		return s, fmt.Errorf("redis-benchmark gave %d rows", len(rows))
	}
	seconds := 0.0
	for _, row := range rows[1:] {
		var values [3]float64
		for i, column := range []int{1, 4, 6} {
			var parseErr error
			values[i], parseErr = strconv.ParseFloat(row[column], 64)
			err = errors.Join(err, parseErr)
		}
		seconds += 1 / values[0]
		s.p50, s.p99 = max(s.p50, values[1]*1000), max(s.p99, values[2]*1000)
	}
	s.rate = 2 / seconds
	return s, err
}
