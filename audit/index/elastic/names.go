package elastic

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Names in the cluster. The events of one day, as their IDs tell it, share an index.

const undated = "undated"

func (c Config) dayPrefix() string { return c.Prefix + "-day-" }

// allDays names every index that holds events.
func (c Config) allDays() string { return c.dayPrefix() + "*" }

// stateIndex holds how far each gateway is.
func (c Config) stateIndex() string { return c.Prefix + "-state" }

// indexOf is the index of the event with that ID: its result must find it by the ID alone.
func (c Config) indexOf(id string) string {
	t, ok := timeOfID(id)
	if !ok {
		return c.dayPrefix() + undated
	}
	return c.dayPrefix() + t.Format("2006.01.02")
}

// dayOf is the day whose events an index holds.
func (c Config) dayOf(index string) (time.Time, bool) {
	text, ok := strings.CutPrefix(index, c.dayPrefix())
	t, err := time.Parse("2006.01.02", text)
	return t, ok && err == nil
}

// timeOfID is when a UUIDv7 was made, to the millisecond; false for other IDs, and for times that no clock tells, which
// would make an index each.
func timeOfID(id string) (time.Time, bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[14] != '7' {
		return time.Time{}, false
	}
	b, err := hex.DecodeString(id[:8] + id[9:13])
	if err != nil {
		return time.Time{}, false
	}
	var ms int64
	for _, c := range b {
		ms = ms<<8 | int64(c)
	}
	t := time.UnixMilli(ms).UTC()
	return t, t.Year() >= 2020 && t.Year() < 2100
}

const maxID = 512 // bytes that the servers take

// documentID is the ID itself unless the servers would refuse it.
func documentID(id string) string {
	if len(id) <= maxID {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}
