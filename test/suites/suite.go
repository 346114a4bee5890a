package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// suite is somebody's set of tests.
type suite struct {
	name     string
	title    string                            // with its version
	store    string                            // its kind
	config   map[string]string                 // of the store
	settings func() (map[string]string, error) // of the store, where others tell them
	database string
	setup    []string // statements that prepare the database
	run      func(context.Context, *job) (map[string]result, error)
	// explained says why a test may differ from the direct run: by its name, or by "ENTRANCE: name" for one entrance alone.
	explained map[string]string
}

// suiteLimit ends a run that hangs.
const suiteLimit = 30 * time.Minute

// suites are all that scripts/suites.sh gets.
func suites() []*suite {
	return slices.Concat(postgresSuites(), mariaSuites(), redisSuites(), sshSuites())
}

// command runs a suite's program at the door and returns what it printed, which is kept in output.txt too.
func (j *job) command(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	return j.commandEnv(ctx, dir, j.store.env(j.door), program, args...)
}

func (j *job) commandEnv(ctx context.Context, dir string, env []string, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, suiteLimit)
	defer cancel()
	name := filepath.Join(j.logs, "output.txt")
	out, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("keep output: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, out, out
	err = cmd.Run()
	if cerr := out.Close(); cerr != nil {
		return nil, fmt.Errorf("keep output: %w", cerr)
	}
	var exit *exec.ExitError
	if ctx.Err() != nil {
		return nil, fmt.Errorf("run %s: %w: see %s", filepath.Base(program), ctx.Err(), name)
	}
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("run %s: %w", filepath.Base(program), err)
	}
	printed, err := os.ReadFile(name) // a failure of tests is told by their results
	if err != nil {
		return nil, fmt.Errorf("read output: %w", err)
	}
	return printed, nil
}
