// Command auditbench measures the record: what it costs to take events in, how large the index is, and how long
// searches take, at several sizes and while events come in. It writes bench/audit.json and prints a table.
//
// Each size runs in a process of its own, so that its memory is its own. The events are audit/index/generate's. The
// journal is removed behind the index where it would be larger than -journal-bytes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type options struct {
	events       int
	dir          string
	runs         int
	perSecond    int
	journalBytes int64
	reopen       bool
}

func main() {
	sizes := flag.String("events", "1000000,10000000", "numbers of events, comma separated")
	out := flag.String("out", "bench/audit.json", "where the results go")
	var o options
	flag.StringVar(&o.dir, "dir", "", "where the record is built, about 130 bytes an event and the journal; default a temporary directory")
	flag.IntVar(&o.runs, "runs", 100, "searches of each kind")
	flag.IntVar(&o.perSecond, "per-second", 5000, "events a second while searches run")
	flag.Int64Var(&o.journalBytes, "journal-bytes", 16<<30, "what the journal may take on the disk")
	flag.IntVar(&o.events, "one", 0, "measure one size in this process, and print its results as JSON")
	flag.BoolVar(&o.reopen, "reopen", false, "open what is there, and print how long it took as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	switch {
	case o.reopen:
		err = printReopening(ctx, o)
	case o.events > 0:
		err = printOne(ctx, o)
	default:
		err = all(ctx, *sizes, *out, o)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "auditbench:", err)
		os.Exit(1)
	}
}

// all measures each size in a process of its own.
func all(ctx context.Context, sizes, out string, o options) error {
	report := report{Started: time.Now().UTC().Truncate(time.Second), Machine: machine()}
	for _, text := range strings.Split(sizes, ",") {
		events, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || events < 1000 {
			return fmt.Errorf("-events: %q is no number of events of 1000 or more", text)
		}
		o.events = events
		r, err := child(ctx, o)
		if err != nil {
			return fmt.Errorf("%d events: %w", events, err)
		}
		report.Sizes = append(report.Sizes, r)
		printSize(os.Stdout, r)
	}
	return report.write(out)
}

// child measures one size: first filling and searching, then, after that process was killed, opening again.
func child(ctx context.Context, o options) (size, error) {
	dir, err := os.MkdirTemp(o.dir, "auditbench-")
	if err != nil {
		return size{}, fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir)
	o.dir = dir
	var s size
	if err := run(ctx, &s, o); err != nil {
		return size{}, err
	}
	o.reopen = true
	if err := run(ctx, &s.Reopening, o); err != nil {
		return size{}, fmt.Errorf("open again: %w", err)
	}
	s.Reopening.Acknowledged = s.acknowledged()
	if s.Reopening.Records < s.Reopening.Acknowledged {
		return size{}, fmt.Errorf("%d records were acknowledged before the kill, %d are there", s.Reopening.Acknowledged, s.Reopening.Records)
	}
	return s, nil
}

// run runs this program for one part and decodes what it prints. The part that fills ends itself by SIGKILL.
func run(ctx context.Context, into any, o options) error {
	cmd := exec.CommandContext(ctx, os.Args[0], "-one", strconv.Itoa(o.events), "-dir", o.dir, "-runs", strconv.Itoa(o.runs),
		"-per-second", strconv.Itoa(o.perSecond), "-journal-bytes", strconv.FormatInt(o.journalBytes, 10),
		"-reopen="+strconv.FormatBool(o.reopen))
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	var exit *exec.ExitError
	killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	if err != nil && !killed {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	return nil
}

func journalDir(o options) string { return filepath.Join(o.dir, "journal") }
func indexDir(o options) string   { return filepath.Join(o.dir, "index") }
