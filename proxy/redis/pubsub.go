package redis

import (
	"strconv"
	"strings"
	"time"
)

// change is a change of subscriptions: of what, and whether it adds.
type change struct {
	kind  subscriptionKind
	begin bool
}

// subscriptionKind says to what one subscribes.
type subscriptionKind uint8

// The kinds of subscriptions.
const (
	noSubscription subscriptionKind = iota
	toChannels
	toPatterns
	toShardChannels
)

// changeOf gives the change that a command asks for and a confirmation tells of, by its name without regard to case.
func changeOf(name string) change {
	switch strings.ToUpper(name) {
	case "SUBSCRIBE":
		return change{toChannels, true}
	case "UNSUBSCRIBE":
		return change{toChannels, false}
	case "PSUBSCRIBE":
		return change{toPatterns, true}
	case "PUNSUBSCRIBE":
		return change{toPatterns, false}
	case "SSUBSCRIBE":
		return change{toShardChannels, true}
	case "SUNSUBSCRIBE":
		return change{toShardChannels, false}
	}
	return change{}
}

// subscriptions counts those that the store has confirmed. It tells the sum of channels and patterns.
type subscriptions struct{ channels, patterns, shards int }

func (s *subscriptions) any() bool { return s.channels+s.patterns+s.shards > 0 }

func (s *subscriptions) of(kind subscriptionKind) int {
	switch kind {
	case toChannels:
		return s.channels
	case toPatterns:
		return s.patterns
	}
	return s.shards
}

// confirmed takes the count of a confirmation into account.
func (s *subscriptions) confirmed(kind subscriptionKind, count int) {
	switch kind {
	case toChannels:
		s.channels = max(0, count-s.patterns)
	case toPatterns:
		s.patterns = max(0, count-s.channels)
	default:
		s.shards = count
	}
}

// maySubscribe says whether an array of RESP2 may be what a subscriber gets unasked, or a confirmation.
func (r *relay) maySubscribe() bool {
	e := r.queue.head()
	return r.subs.any() || e != nil && e.kind == awaitSubscribe
}

// push takes what may be no answer into account: a message, or the confirmation of a subscription. ok is false when it is
// an answer after all.
func (r *relay) push(b []byte, h *header, at int, now time.Time) (n int, err error, ok bool) {
	word, told := firstWord(b, h)
	if !told {
		return 0, nil, true
	}
	if c := changeOf(word); c.kind != noSubscription {
		n, err := r.confirmation(c, b, at, now)
		return n, err, true
	}
	switch {
	case h.kind == '>', word == "message", word == "pmessage", word == "smessage":
		r.aside = true
		n, err := r.enter(h, at, now)
		return n, err, true
	}
	return 0, nil, false
}

// longestWord is how long the word may be that says what a push is, as far as it matters here.
const longestWord = 64

// firstWord gives the string that an aggregate begins with, empty for anything else; told is false when it is not there yet.
func firstWord(b []byte, h *header) (word string, told bool) {
	if h.size == 0 || h.size >= len(b) {
		return "", h.count == 0
	}
	b = b[h.size:]
	first, err := readHeader(b)
	switch {
	case err != nil || first.kind != '$' && first.kind != '+':
		return "", true
	case first.size == 0:
		return "", len(b) > longestWord
	case first.kind == '+':
		return string(b[1 : first.size-2]), true
	case first.count < 0 || first.count > longestWord:
		return "", true
	case len(b) < first.size+first.count:
		return "", false
	}
	return string(b[first.size : first.size+first.count]), true
}

// confirmation takes the confirmation of a subscription into account, or of its end. It may come unasked, as when a shard
// moves.
func (r *relay) confirmation(c change, b []byte, at int, now time.Time) (n int, err error) {
	n, err = measure(b)
	if n == 0 || err != nil {
		return 0, err
	}
	before := r.subs.of(c.kind)
	if parts := elements(b[:n], nil); len(parts) == 3 {
		if count, err := strconv.Atoi(string(parts[2])); err == nil {
			r.subs.confirmed(c.kind, count)
		}
	}
	e := r.queue.head()
	if e == nil || e.kind != awaitSubscribe || e.change != c {
		r.aside = true
		r.took(at, at+n)
		r.aside = false
		return n, nil
	}
	if e.recorded {
		e.op.Answered(now)
	}
	if e.replies == untold {
		e.replies = max(1, before)
	}
	r.took(at, at+n)
	r.replied(now)
	return n, nil
}
