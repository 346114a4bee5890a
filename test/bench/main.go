// Command bench compares Sallyport with the server alone, pgbouncer, haproxy and, for SSH, ProxyJump and proxies that commands given by
// -ssh-peer start, interleaved round by round in one run, so that what else the machine does falls on all alike. It prints a table of ratios and writes
// bench/results.json. `make bench` runs it.
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
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the command's flags.
type options struct {
	cases   []string
	clients []int
	seconds int // length of one pgbench measurement
	rounds  int
	bulkMB  int      // size of the bulk answers, in MiB of row payload
	idle    int      // sessions held open to weigh one
	sshMB   int      // size of the file that is read over SSH, in MiB
	sshIdle int      // SSH sessions held open to weigh one
	bins    []string // name=path, the first for bin/sally
	only    []string // targets; empty: all
	out     string

	sshPeers []sshPeer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sally-bench-")
	if err != nil {
		return fmt.Errorf("make work directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l, err := openLab(ctx, dir, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.startPrograms(ctx); err != nil {
		return err
	}
	if err := l.narrow(o.only); err != nil {
		return err
	}

	start := time.Now()
	results, err := measureAll(ctx, l, o)
	if err != nil {
		return err
	}
	if err := writeResults(o.out, results); err != nil {
		return err
	}
	printReport(os.Stdout, results, describeMachine(), start, o)
	fmt.Printf("\nwritten: %s\n", o.out)
	return nil
}

// parse reads the flags; an unknown case or a number out of range is an error.
func parse(args []string) (options, error) {
	o := options{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	names := fs.String("cases", strings.Join(caseNames(), ","), "what to measure")
	clients := fs.String("clients", "1,8,32,64", "numbers of clients for the select cases")
	fs.IntVar(&o.seconds, "seconds", 4, "length of one pgbench measurement")
	fs.IntVar(&o.rounds, "rounds", 3, "rounds over all targets; the medians are reported")
	fs.IntVar(&o.bulkMB, "bulk-mb", 512, "size of a bulk answer in MiB; COPY moves a quarter of it")
	fs.IntVar(&o.idle, "idle", 500, "idle sessions to hold open")
	fs.IntVar(&o.sshMB, "ssh-mb", 1024, "size of the file that is read over SSH, in MiB")
	fs.IntVar(&o.sshIdle, "ssh-idle", 1000, "idle SSH sessions to weigh")
	bins := fs.String("bins", "sally=bin/sally", "the programs to measure, NAME=PATH, such as two builds to compare; each becomes targets NAME-DURABILITY")
	only := fs.String("targets", "", "which targets to measure, such as direct,sally-hold; empty: all")
	fs.Func("ssh-peer", "another SSH proxy to compare with, `NAME=COMMAND`; may be given again. The program runs in the foreground, and listens at\n"+
		"$SALLY_BENCH_LISTEN (host:port), where $SALLY_BENCH_ACCOUNT logs in by the private key in the file $SALLY_BENCH_KEY. It leads to the server at\n"+
		"$SALLY_BENCH_SERVER (host:port), where the same account gets in by the same key; its files belong in $SALLY_BENCH_DIR", func(text string) error {
		p, err := parseSSHPeer(text)
		o.sshPeers = append(o.sshPeers, p)
		return err
	})
	fs.StringVar(&o.out, "out", filepath.Join("bench", "results.json"), "where to write the results")
	if err := fs.Parse(args); err != nil {
		return o, fmt.Errorf("parse flags: %w", err)
	}
	for _, bin := range strings.Split(*bins, ",") {
		if name, path, ok := strings.Cut(bin, "="); !ok || name == "" || path == "" {
			return o, fmt.Errorf("%q is not NAME=PATH", bin)
		}
		o.bins = append(o.bins, bin)
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	for _, name := range strings.Split(*names, ",") {
		if !slices.Contains(caseNames(), name) {
			return o, fmt.Errorf("no case is named %q; there are %s", name, strings.Join(caseNames(), ", "))
		}
		o.cases = append(o.cases, name)
	}
	for _, text := range strings.Split(*clients, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 150 {
			return o, fmt.Errorf("%q is no number of clients from 1 to 150", text)
		}
		o.clients = append(o.clients, n)
	}
	for name, n := range map[string]int{"seconds": o.seconds, "rounds": o.rounds, "bulk-mb": o.bulkMB, "idle": o.idle, "ssh-mb": o.sshMB, "ssh-idle": o.sshIdle} {
		if n < 1 {
			return o, fmt.Errorf("%s must be at least 1", name)
		}
	}
	return o, checkSSHPeers(o)
}

// measureAll runs case after case. Within one, each round visits every target, beginning with another each time.
func measureAll(ctx context.Context, l *lab, o options) ([]result, error) {
	if err := l.weigh(); err != nil {
		return nil, err
	}
	var results []result
	for _, c := range allCases() {
		if !slices.Contains(o.cases, c.name) {
			continue
		}
		clients := c.clients
		if clients == nil {
			clients = o.clients
		}
		for _, n := range clients {
			series := make(map[string][]sample)
			for round := range o.rounds {
				for i := range l.targets {
					t := l.targets[(i+round)%len(l.targets)]
					if _, leads := t.logins[c.store]; !leads {
						continue
					}
					s, err := c.measure(ctx, l, t, n)
					if err != nil {
						return nil, fmt.Errorf("measure %s at %d clients on %s: %w", c.name, n, t.name, err)
					}
					series[t.name] = append(series[t.name], s)
				}
				fmt.Fprintf(os.Stderr, "bench: %s, %d clients: round %d of %d\n", c.name, n, round+1, o.rounds)
			}
			results = append(results, summarize(c.name, n, l.targets, series)...)
		}
	}
	return results, nil
}
