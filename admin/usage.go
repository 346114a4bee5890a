package admin

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
)

// usageInterval is how often the times at which tokens were used are written down.
const usageInterval = time.Minute

// tokenUsage keeps the write of a token's last use off the connect path.
type tokenUsage struct {
	store *store.Store
	log   *slog.Logger

	mu      sync.Mutex
	used    map[string]time.Time // since the process began, of tokens that exist; snapshots are not reloaded for this
	pending map[string]time.Time // of these, what is not in the store yet

	quit chan struct{}
	done chan struct{}
}

func startTokenUsage(st *store.Store, log *slog.Logger) *tokenUsage {
	u := &tokenUsage{store: st, log: log, used: map[string]time.Time{},
		pending: map[string]time.Time{}, quit: make(chan struct{}), done: make(chan struct{})}
	go u.run()
	return u
}

// stop writes down what is pending and waits for it.
func (u *tokenUsage) stop() {
	close(u.quit)
	<-u.done
}

func (u *tokenUsage) note(id string, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.used[id], u.pending[id] = at, at
}

// last is the newest use that is known of, in the store or not yet.
func (u *tokenUsage) last(t access.Token) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if at, ok := u.used[t.ID]; ok {
		return at.UTC().Truncate(time.Minute)
	}
	return t.LastUsed
}

// keepOnly forgets when other tokens were used, unless that is still to be written down.
func (u *tokenUsage) keepOnly(tokens map[string]access.Token) {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.used, func(id string, _ time.Time) bool {
		_, exists := tokens[id]
		_, unwritten := u.pending[id]
		return !exists && !unwritten
	})
}

func (u *tokenUsage) run() {
	defer close(u.done)
	ticker := time.NewTicker(usageInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			u.flush()
		case <-u.quit:
			u.flush()
			return
		}
	}
}

func (u *tokenUsage) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	u.mu.Lock()
	pending := u.pending
	u.pending = map[string]time.Time{}
	u.mu.Unlock()
	for id, at := range pending {
		if err := u.store.TouchToken(ctx, id, at.Truncate(time.Minute)); err != nil {
			u.log.Warn("token's last use not written", "token", id, "error", err)
		}
	}
}
