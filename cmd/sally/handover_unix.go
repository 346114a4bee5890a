//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// untilHandover is a context that ends with errHandover as its cause when this process gets SIGUSR2.
func untilHandover(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, unix.SIGUSR2)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-asked:
			cancel(errHandover)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(asked)
		cancel(nil)
		<-done
	}
}

// follow puts the program at path in this one's place. It returns only when it cannot.
func (k kept) follow(path string) error {
	for name, file := range k {
		if _, err := unix.FcntlInt(file.Fd(), unix.F_SETFD, 0); err != nil { // stays open in the next program
			return fmt.Errorf("hand over %s: %w", name, err)
		}
	}
	if err := unix.Exec(path, os.Args, k.environment()); err != nil {
		return fmt.Errorf("start the next program %s: %w", path, err)
	}
	return nil
}
