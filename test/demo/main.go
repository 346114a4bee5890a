// Command demo shows the whole way once, with real programs: a private PostgreSQL with sample data, Sallyport before
// it, an engineer's statements through psql, and the record of them. `make run` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	check := fs.Bool("check", false, "verify what is shown, and end")
	keep := fs.String("keep", "", "data directory to use and leave there; default: .data, or with -check one that is removed")
	bin := fs.String("bin", filepath.Join("bin", "sally"), "the program to show")
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("parse flags: %w", err)
	}
	dir := *keep
	switch {
	case dir == "" && *check:
		if dir, err = os.MkdirTemp("", "sally-demo-"); err != nil {
			return fmt.Errorf("make data directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	case dir == "":
		dir = ".data"
	}
	w, err := openWorld(ctx, dir, *bin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.tell(ctx); err != nil {
		return err
	}
	if err := w.invite(ctx); err != nil {
		return err
	}
	if *check {
		return w.verify(ctx)
	}
	return w.serve(ctx)
}
