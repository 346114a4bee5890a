package access_test

import (
	"crypto/sha1" //nolint:gosec // what mysql_native_password rests on
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
)

// tokens is a world in which alice has as many tokens, t0 and so on, and bob has one, b.
func tokens(n int) *access.Snapshot {
	s := world()
	s.Users["bob"] = access.User{Name: "bob", Kind: access.Person}
	s.TokenHashes = map[string]access.TokenHash{}
	add := func(id, user string) {
		s.Tokens[id] = access.Token{ID: id, User: user}
		s.TokenHashes[id] = access.HashToken(id, secretOf(id))
	}
	for i := range n {
		add(fmt.Sprint("t", i), "alice")
	}
	add("b", "bob")
	return s
}

func secretOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// answering is the proof of who has the token; tried counts how often it was asked.
func answering(id string, tried *int) access.TokenProof {
	once := sha1.Sum([]byte(access.FormatToken(id, secretOf(id))))
	twice := sha1.Sum(once[:])
	return access.TokenProof{Answers: func(doubleSHA1 []byte) bool {
		*tried++
		return string(doubleSHA1) == string(twice[:])
	}}
}

// Who answers a challenge by a token is let in exactly as who sends it: as its user alone, with its scope and its end.
func TestAnswersProveAsTokensDo(t *testing.T) {
	s := tokens(3)
	narrow, over, old := s.Tokens["t0"], s.Tokens["t1"], s.TokenHashes["t2"]
	narrow.Scope = &access.Scope{Resources: []string{"orders-db"}}
	over.Expires = noon()
	old.Native = "" // a token of before there were native hashes
	s.Tokens["t0"], s.Tokens["t1"], s.TokenHashes["t2"] = narrow, over, old
	e := compile(t, s)
	for _, c := range []struct {
		user, id string
		sent     bool // proven by the token itself
		answered bool // by an answer
	}{{"alice", "t0", true, true}, {"alice", "t1", true, true}, {"alice", "t2", true, false}, {"bob", "t0", false, false}, {"bob", "b", true, true},
		{"nobody", "t0", false, false}, {"", "", false, false}, {"alice", "", false, false}} {
		tried := 0
		token, sent := e.Prove(c.user, access.TokenProof{Token: access.FormatToken(c.id, secretOf(c.id))})
		same, answered := e.Prove(c.user, answering(c.id, &tried))
		if sent != c.sent || answered != c.answered {
			t.Errorf("%s with %s: by the token %v, by an answer %v", c.user, c.id, sent, answered)
		}
		if answered && same.ID != token.ID {
			t.Errorf("%s with %s: an answer shows %s", c.user, c.id, same.ID)
		}
	}
	tried := 0
	token, _ := e.Prove("alice", answering("t0", &tried))
	if id, err := e.AdmitToken(token, noon()); err != nil || id.Token != "t0" || id.Scope == nil {
		t.Errorf("the narrow token gives %+v, %v", id, err)
	}
	token, _ = e.Prove("alice", answering("t1", &tried))
	var denial *access.Denial
	if _, err := e.AdmitToken(token, noon().Add(time.Second)); !errors.As(err, &denial) || denial.Cause != access.Expired {
		t.Errorf("the expired token gives %v", err)
	}
}

// How often an answer is tried tells neither whether a user is known nor how many tokens they have, nor which one it is.
func TestAnswersAreTriedAlike(t *testing.T) {
	e := compile(t, tokens(5))
	want := 0
	e.Prove("nobody", answering("t0", &want))
	for user, ids := range map[string][]string{"alice": {"t0", "t4", "wrong"}, "bob": {"b", "wrong"}} {
		for _, id := range ids {
			tried := 0
			if e.Prove(user, answering(id, &tried)); tried != want || want == 0 {
				t.Errorf("%s with %s: tried %d times, nobody %d times", user, id, tried, want)
			}
		}
	}
	many, tried := compile(t, tokens(100)), 0
	if _, ok := many.Prove("alice", answering("t99", &tried)); !ok || tried != 100 {
		t.Errorf("one of 100 tokens: %v, tried %d times", ok, tried)
	}
}
