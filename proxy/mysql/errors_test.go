package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

func TestErrorPackets(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		number uint16
		state  string
		words  string
	}{
		"denied":          {&access.Denial{Cause: access.BadCredentials, Sentence: "wrong token"}, 1045, "28000", "wrong token"},
		"no access":       {&access.Denial{Cause: access.NoAccess, Sentence: "ask for it"}, 1044, "42000", "ask for it"},
		"a statement":     {&access.Denial{Cause: access.StatementDenied, Sentence: "not this"}, 1142, "42000", "not this"},
		"too often":       {&access.Denial{Cause: access.RateLimited, Sentence: "wait"}, 1040, "08004", "wait"},
		"no resource":     {&access.Denial{Cause: access.UnknownResource, Sentence: "nowhere"}, 1049, "42000", "nowhere"},
		"stale":           {&access.Denial{Cause: access.PolicyStale, Sentence: "stale"}, 1429, "HY000", "stale"},
		"ended":           {&proxy.Ended{Sentence: "you were cut"}, 1053, "08S01", "you were cut"},
		"no credential":   {&creds.Unavailable{Sentence: "vault is sealed"}, 1429, "HY000", "vault is sealed"},
		"no journal":      {fmt.Errorf("record: %w", audit.ErrUnavailable), 1598, "HY000", "audit log cannot be written"},
		"its own":         {malformed("x"), 1043, "08S01", "cannot be understood"},
		"refused":         {&serverError{number: 1045, state: "28000", message: "Access denied for user 'app'@'10.1.2.3'"}, 1045, "28000", "refused the credential"},
		"the store's own": {&serverError{number: 1049, state: "42000", message: "Unknown database 'x'"}, 1049, "42000", "Unknown database 'x'"},
		"too large":       {proxy.ErrMessageTooLarge, 1153, "08S01", "larger than"},
		"busy":            {proxy.ErrBusy, 1041, "HY000", "memory"},
		"unreachable":     {&proxy.StoreUnreachable{Resource: "shop-db", Err: errors.New("10.1.2.3 refused")}, 1429, "HY000", "shop-db cannot be reached"},
		"full": {&proxy.StoreUnreachable{Resource: "shop-db", Err: &serverError{number: 1040, state: "08004", message: "Too many connections"}},
			1040, "08004", "shop-db cannot be reached"},
		"a refusal":     {&proxy.Refusal{Sentence: "not served"}, 1235, "42000", "not served"},
		"too late":      {context.DeadlineExceeded, 1159, "08S01", "took too long"},
		"anything else": {errors.New("10.1.2.3 is on fire"), 1105, "HY000", "internal error"},
	} {
		t.Run(name, func(t *testing.T) {
			b := errorPacket(3, c.err, capProtocol41)
			payload, err := readPacket(script(b), 3)
			if err != nil {
				t.Fatal(err)
			}
			said := saidBy(payload)
			if said.number != c.number || said.state != c.state || !strings.Contains(said.message, c.words) || strings.Contains(said.message, "10.1.2.3") {
				t.Errorf("told %v", said)
			}
			if early := saidBy(errorPacket(0, c.err, 0)[headerSize:]); early.state != "" || early.message != said.message {
				t.Errorf("told before the greeting: %v", early)
			}
		})
	}
}

func TestLongMessagesEndAtACharacter(t *testing.T) {
	for n := range 4 {
		short := bounded(strings.Repeat("x", n) + strings.Repeat("ü€", 300))
		if len(short) > maxErrorText || len(short) < maxErrorText-4 || !utf8.ValidString(short) {
			t.Errorf("cut to %d bytes, valid %t", len(short), utf8.ValidString(short))
		}
	}
}
