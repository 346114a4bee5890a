// Command suites runs the stores' own suites and drivers' own suites three times each: directly at the
// store, through the tunnel, and at the native entrance. It fails where an entrance makes a difference, or where the
// record of a run lacks a statement that the store's own log has. `make test-suites` runs it; scripts/suites.sh gets
// the suites.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "suites:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("suites", flag.ContinueOnError)
	chosen := fs.String("suites", "", "names, separated by commas; default: all")
	entrances := fs.String("entrances", "direct,tunnel,native", "ways to the store; direct is what the others are compared with")
	tests := fs.String("tests", "", "of OpenSSH's own, the tests to run, separated by commas; default: all")
	bin := fs.String("bin", filepath.Join("bin", "sally"), "the program under test")
	cache := fs.String("cache", "", "where scripts/suites.sh has put the suites")
	out := fs.String("out", "", "directory that keeps each run's output; default: one in the cache")
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("parse flags: %w", err)
	}
	l := &lab{bin: *bin, cache: *cache, out: *out, tests: strings.FieldsFunc(*tests, func(r rune) bool { return r == ',' })}
	if err := l.prepare(); err != nil {
		return err
	}
	var reports []*report
	for _, s := range suites() {
		if *chosen != "" && !slices.Contains(strings.Split(*chosen, ","), s.name) {
			continue
		}
		r := &report{suite: s}
		for _, entrance := range strings.Split(*entrances, ",") {
			fmt.Printf("=== %s, %s\n", s.title, entrance)
			o, err := l.run(ctx, s, entrance)
			if err != nil {
				return fmt.Errorf("run %s, %s: %w", s.name, entrance, err)
			}
			fmt.Println(o.line())
			r.outcomes = append(r.outcomes, o)
		}
		reports = append(reports, r)
	}
	if len(reports) == 0 {
		return fmt.Errorf("there is no suite named %q", *chosen)
	}
	bad := 0
	for _, r := range reports {
		bad += r.print(os.Stdout)
	}
	if bad > 0 {
		return fmt.Errorf("%d differences", bad)
	}
	return nil
}

// lab is where suites run.
type lab struct {
	bin   string   // sally
	cache string   // the suites
	out   string   // what each run printed
	tests []string // of OpenSSH's own, those to run; empty: all
}

// prepare makes paths absolute, since suites run in directories of their own.
func (l *lab) prepare() error {
	if l.cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("find cache directory: %w", err)
		}
		l.cache = filepath.Join(base, "sallyport", "suites")
	}
	if l.out == "" {
		l.out = filepath.Join(l.cache, "out")
	}
	var errs []error
	for _, p := range []*string{&l.bin, &l.cache, &l.out} {
		abs, err := filepath.Abs(*p)
		*p = abs
		errs = append(errs, err)
	}
	if _, err := os.Stat(l.bin); err != nil {
		errs = append(errs, fmt.Errorf("find the program under test: %w", err))
	}
	return errors.Join(append(errs, os.MkdirAll(l.out, 0o755))...)
}

// run runs one suite by one entrance, in a world of its own, and compares the store's log with the record.
func (l *lab) run(ctx context.Context, s *suite, entrance string) (o *outcome, err error) {
	dir, err := os.MkdirTemp("", "sally-suite-")
	if err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// The stores and their tests run as different users and share files.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, fmt.Errorf("open directory to the store: %w", err)
	}
	config := s.config
	if s.settings != nil {
		if config, err = s.settings(); err != nil {
			return nil, err
		}
	}
	w, err := openWorld(ctx, dir, l.bin, stores[s.store](), config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.store.makeDatabase(ctx, s.database, s.setup); err != nil {
		return nil, err
	}
	d, err := w.door(ctx, entrance, s.database)
	if err != nil {
		return nil, err
	}
	logs := filepath.Join(l.out, s.name, entrance)
	if err := errors.Join(os.RemoveAll(logs), os.MkdirAll(logs, 0o777)); err != nil {
		return nil, fmt.Errorf("make output directory: %w", err)
	}
	o = &outcome{entrance: entrance, logs: logs}
	if o.results, err = s.run(ctx, &job{lab: l, world: w, door: d, logs: logs}); err != nil {
		return nil, err
	}
	if len(o.results) == 0 {
		return nil, fmt.Errorf("no test has run: see %s", logs)
	}
	if entrance == direct {
		return o, nil
	}
	if err := w.stopGateway(); err != nil {
		return nil, err
	}
	o.record, err = w.compareRecord(logs)
	return o, err
}

// job is one suite's run by one entrance.
type job struct {
	*lab
	*world
	door door
	logs string // directory for what it prints
}
