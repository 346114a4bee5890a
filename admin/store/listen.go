package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// listenProof is how long nothing may be heard before the listening connection must show that it lives.
	listenProof = 15 * time.Second
	// firstReconnect and maxReconnect bound the pauses between attempts to listen again; they double.
	firstReconnect = 100 * time.Millisecond
	maxReconnect   = 5 * time.Second
)

// Listen calls moved when another process has changed the state, and whenever it may have missed that, until ctx ends.
// It hears nothing of SQLite, and may be deaf for a time when PostgreSQL is away: ask for the Generation from time to
// time as well. Calls are one after the other.
func (s *Store) Listen(ctx context.Context, moved func()) {
	if s.listen == nil {
		<-ctx.Done()
		return
	}
	pause := firstReconnect
	for heard := true; ctx.Err() == nil; {
		err := s.listenOnce(ctx, func() { heard = true; moved() })
		if ctx.Err() != nil {
			return
		}
		if heard { // it worked until now
			s.log.Warn("changes by other control planes are noticed once a second only", "error", err)
			pause = firstReconnect
		}
		heard = false
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		pause = min(2*pause, maxReconnect)
	}
}

// listenOnce listens on one connection until that fails.
func (s *Store) listenOnce(ctx context.Context, moved func()) error {
	config, err := s.listen(ctx)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // nothing is lost if it cannot say goodbye
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+stateChannel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	for {
		moved()
		if err := awaitNotice(ctx, conn); err != nil {
			return err
		}
	}
}

// awaitNotice returns nil once something was heard.
func awaitNotice(ctx context.Context, conn *pgx.Conn) error {
	for {
		quiet, cancel := context.WithTimeout(ctx, listenProof)
		_, err := conn.WaitForNotification(quiet)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("wait for a notice: %w", err)
		}
		proof, cancel := context.WithTimeout(ctx, listenProof)
		err = conn.Ping(proof)
		cancel()
		if err != nil {
			return fmt.Errorf("ask whether the connection lives: %w", err)
		}
	}
}
