package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// requestsEndWithin is how long requests get to end once their connections are closed. Nearly all have work of milliseconds left by then; one that
// waits longer, for a database or an identity provider that hangs, is left behind, and the log says so.
const requestsEndWithin = 10 * time.Second

// httpServer ends only after its requests: what they read is closed behind it.
type httpServer struct {
	*http.Server
	handler http.Handler

	mu       sync.Mutex
	ended    bool
	requests sync.WaitGroup // counted up under mu, while not ended
}

// serveHTTP serves h on l, in run, until it is closed and its requests have ended.
func (s *server) serveHTTP(run *errgroup.Group, h *http.Server, l net.Listener) *httpServer {
	server := &httpServer{Server: h, handler: h.Handler}
	h.Handler = server
	h.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)
	run.Go(func() error {
		err := h.Serve(l)
		_ = h.Close() // if it failed, requests are to end, too
		if !server.endRequests() {
			s.log.Warn("stopping: requests still run", "address", l.Addr(), "waited", requestsEndWithin)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	return server
}

// ServeHTTP serves requests until the server ends; what is asked later on a connection that is being closed gets no answer.
func (h *httpServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.begin() {
		panic(http.ErrAbortHandler)
	}
	defer h.requests.Done()
	h.handler.ServeHTTP(w, r)
}

func (h *httpServer) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		h.requests.Add(1)
	}
	return !h.ended
}

// endRequests takes no more requests, and reports whether those that ran have ended in time.
func (h *httpServer) endRequests() bool {
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
	over := make(chan struct{})
	go func() {
		h.requests.Wait()
		close(over)
	}()
	select {
	case <-over:
		return true
	case <-time.After(requestsEndWithin):
		return false
	}
}
