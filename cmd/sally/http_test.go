package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestRequestsEndBeforeWhatTheyRead closes a server under a request that takes a while to notice.
func TestRequestsEndBeforeWhatTheyRead(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ended atomic.Bool
	begun := make(chan struct{})
	handler := func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		time.Sleep(200 * time.Millisecond)
		ended.Store(true)
	}
	var run errgroup.Group
	s := &server{log: slog.New(slog.DiscardHandler)}
	h := s.serveHTTP(&run, &http.Server{Handler: http.HandlerFunc(handler), ReadHeaderTimeout: time.Second}, listener)
	failed := make(chan error, 1)
	go func() {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+listener.Addr().String(), nil)
		if err != nil {
			failed <- err
			return
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		failed <- err
	}()
	<-begun
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := run.Wait(); err != nil || !ended.Load() {
		t.Errorf("the server ended before its request: %v, %v", err, ended.Load())
	}
	if err := <-failed; err == nil {
		t.Error("the request was answered as if nothing had happened")
	}
	if h.begin() {
		t.Error("a request begins on a server that has ended")
	}
}
