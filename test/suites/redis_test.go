package main

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

//go:embed redis_features.txt
var redisFeatures string

// TestRedisClientAndBenchmark runs Redis's own programs directly and by both entrances: what they print must be the same,
// each of redis-benchmark's tests must end, and the record must have all that the store says it ran.
func TestRedisClientAndBenchmark(t *testing.T) {
	comparePrograms(t, func() store { return &redisStore{} }, "Redis", []string{""}, runRedisPrograms)
}

func runRedisPrograms(ctx context.Context, t *testing.T, w *world, d door) map[string][]string {
	t.Helper()
	printed := make(map[string][]string)
	run := func(name, stdin string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(ctx, "redis-cli", slices.Concat(d.redisArguments(), []string{"--no-auth-warning"}, args)...)
		cmd.Env, cmd.Stdin = cleanEnv("REDIS"), strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%.2000s", name, err, out)
		}
		printed[name] = strings.Split(string(out), "\n")
		return string(out)
	}
	run("redis-cli", redisFeatures)
	run("redis-cli in RESP3", redisFeatures, "-3")
	var keys strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&keys, "*3\r\n$3\r\nSET\r\n$8\r\nkey %04d\r\n$4\r\n%04d\r\n", i, i)
	}
	run("pipe", keys.String(), "--pipe")
	found := strings.Split(run("scan", "", "--scan", "--pattern", "key 1*"), "\n")
	slices.Sort(found) // the store's order changes with its seed
	printed["scan"] = found
	run("argument from stdin", strings.Repeat("a large value ", 200_000), "-x", "SET", "large")
	run("large value", "", "GET", "large")
	run("csv", "", "--csv", "MGET", "key 0001", "nothing")

	answered, err := runRedisBenchmark(ctx, &job{world: w, door: d, logs: t.TempDir()}, 200)
	if err != nil {
		t.Error(err)
	}
	printed["redis-benchmark"] = slices.Sorted(maps.Keys(answered))
	return printed
}
