package gateway

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/link"
)

const (
	lookEvery = time.Second     // for sessions that came or went
	tellAll   = 5 * time.Second // the sessions' counts, which change all the time
)

// reporter gathers what the next report tells. It is safe for concurrent use.
type reporter struct {
	wake chan struct{} // holds one when there is something to tell at once

	mu         sync.Mutex
	generation int64
	appliedAt  time.Time
	cuts       []access.Cut
	tokens     map[string]time.Time
	told       string    // the sessions that were told last, as a key; empty: all must be told
	allAt      time.Time // when the sessions were told last
	toldAt     time.Time // when anything was
}

func newReporter() *reporter {
	return &reporter{wake: make(chan struct{}, 1), tokens: map[string]time.Time{}}
}

func (r *reporter) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reporter) noteApplied(generation int64, cuts []access.Cut, at time.Time) {
	r.mu.Lock()
	r.generation, r.appliedAt = generation, at.UTC()
	r.cuts = append(r.cuts, cuts...)
	r.mu.Unlock()
	r.wakeUp()
}

func (r *reporter) noteCuts(cuts []access.Cut) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cuts = append(r.cuts, cuts...)
}

func (r *reporter) noteToken(token string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens[token] = at
}

// again has everything told anew, to a control plane that may know nothing.
func (r *reporter) again() {
	r.mu.Lock()
	r.told = ""
	r.mu.Unlock()
	r.wakeUp()
}

// next is the report to be made now; ok is false when nothing need be told yet.
func (r *reporter) next(version string, open []access.LiveSession, now time.Time) (report link.Report, key string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	report = link.Report{Version: version, Generation: r.generation, AppliedAt: r.appliedAt, Cuts: r.cuts}
	for token, at := range r.tokens {
		report.TokensUsed = append(report.TokensUsed, link.TokenUse{Token: token, At: at.UTC()})
	}
	key = keyOf(open)
	since, sinceAll := now.Sub(r.toldAt), now.Sub(r.allAt)
	if key != r.told || (sinceAll >= tellAll || sinceAll < 0) && len(open) > 0 {
		report.Sessions = &link.Sessions{Open: open}
	}
	return report, key, report.Sessions != nil || len(r.cuts)+len(r.tokens) > 0 || since >= link.ReportEvery || since < 0
}

// taken notes that the control plane has taken the report.
func (r *reporter) taken(report link.Report, key string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cuts = slices.Clone(r.cuts[len(report.Cuts):])
	for _, use := range report.TokensUsed {
		if r.tokens[use.Token].Equal(use.At) {
			delete(r.tokens, use.Token)
		}
	}
	if report.Sessions != nil {
		r.told, r.allAt = key, now
	}
	r.toldAt = now
}

// keyOf is equal for the same sessions.
func keyOf(open []access.LiveSession) string {
	ids := make([]string, len(open))
	for i := range open {
		ids[i] = open[i].ID
	}
	slices.Sort(ids)
	return "open:" + strings.Join(ids, ",")
}

// report tells the control plane that is followed what is done here, until ctx ends.
func (l *Link) report(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		acked := false
		select {
		case <-ctx.Done():
			return
		case <-l.reports.wake:
			acked = true
		case <-ticker.C:
		}
		server := l.server.Load()
		if server == nil {
			continue
		}
		now := l.wall()
		report, key, due := l.reports.next(l.version, l.directory.Sessions(), now)
		if !due && !acked {
			continue
		}
		report.Journal = l.shipper.state()
		if err := post(ctx, l.client.Load(), *server, link.ReportPath, report, nil); err != nil {
			l.log.Warn("report not taken", "server", *server, "error", err)
			continue
		}
		l.reports.taken(report, key, now)
	}
}
