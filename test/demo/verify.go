package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// recordLimit is how long a fact may take to be searchable.
const recordLimit = 10 * time.Second

// verify checks what the demo showed. It says each thing that holds, and returns all that do not.
func (w *world) verify(ctx context.Context) error {
	say("\nChecking what was shown:")
	var failures []error
	for _, c := range []struct {
		what  string
		check func(context.Context) error
	}{
		{"every statement of Alice's is on the record with rows, duration and parameters", w.checkRecord},
		{"what she did at the server is on the record: commands, the file with its hash, the terminal to be replayed", w.checkSSH},
		{"the record verifies, and a statement's proof is checked with the public key alone", w.checkProof},
		{"a person without a role is refused, told what to do, and recorded", w.checkDenied},
		{"a wrong token is refused", w.checkWrongToken},
		{"a suspended person is refused", w.checkSuspended},
		{"no credential stands in the data directory's logs or in the record", w.checkSecrets},
		{"the web page and the API's description answer", w.checkWeb},
	} {
		if err := c.check(ctx); err != nil {
			say("  FAILED  %s: %v", c.what, err)
			failures = append(failures, fmt.Errorf("%s: %w", c.what, err))
			continue
		}
		say("  ok      %s", c.what)
	}
	if len(failures) > 0 {
		return fmt.Errorf("%d checks did not hold: %w", len(failures), errors.Join(failures...))
	}
	say("\nAll checks passed.")
	return nil
}

// checkProof proves the newest statement, checks the proof offline, and verifies the whole log.
func (w *world) checkProof(ctx context.Context) error {
	events, err := w.search(ctx, "type:statement user:"+alice)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return errors.New("there is no statement to prove")
	}
	journal := filepath.Join(w.sally.DataDir, "journal")
	file := filepath.Join(w.sally.DataDir, "proof.json")
	key := filepath.Join(journal, "proof", "key.pub")
	for _, args := range [][]string{
		{"audit", "prove", events[0].ID, "-o", file},
		{"audit", "check", file, "--key", key},
		{"audit", "verify", journal, "--key", key},
	} {
		if _, err := w.sally.Run(ctx, nil, args...); err != nil {
			return err
		}
	}
	return nil
}

// search asks the record and decodes what it answers, newest first.
func (w *world) search(ctx context.Context, query string) ([]audit.Event, error) {
	out, err := w.sally.Run(ctx, nil, "audit", "search", query, "-o", "json")
	if err != nil {
		return nil, err
	}
	var events []audit.Event
	for line := range strings.Lines(out) {
		var e audit.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return nil, fmt.Errorf("read the search's answer: %w", err)
		}
		events = append(events, e)
	}
	return events, nil
}

// eventually searches until good accepts the answer; its last complaint is the error.
func (w *world) eventually(ctx context.Context, query string, good func([]audit.Event) error) error {
	ctx, cancel := context.WithTimeout(ctx, recordLimit)
	defer cancel()
	for {
		events, err := w.search(ctx, query)
		if err == nil {
			if err = good(events); err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("search %q: %w", query, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (w *world) checkRecord(ctx context.Context) error {
	for _, s := range w.done {
		query := fmt.Sprintf("user:%s resource:%s type:statement since:1h %q", alice, s.at(), s.text)
		if err := w.eventually(ctx, query, s.matches); err != nil {
			return err
		}
	}
	return nil
}

func (s statement) at() string { return cmp.Or(s.resource, resource) }
func (s statement) as() string { return cmp.Or(s.account, account) }

// matches says what is wrong with the newest record of the statement.
func (s statement) matches(events []audit.Event) error {
	i := slices.IndexFunc(events, func(e audit.Event) bool { return string(e.Statement.Bytes) == s.text })
	if i < 0 {
		return fmt.Errorf("%q is not among the %d events found", s.text, len(events))
	}
	e := events[i]
	var params []string
	for _, p := range e.Params {
		params = append(params, string(p.Value))
	}
	switch {
	case !e.Done:
		return fmt.Errorf("%q has no result yet", s.text)
	case e.ErrorCode != s.failed:
		return fmt.Errorf("%q is recorded with the error %q, want %q", s.text, e.ErrorCode, s.failed)
	case e.Rows != s.rows:
		return fmt.Errorf("%q is recorded with %d rows, want %d", s.text, e.Rows, s.rows)
	case e.Duration <= 0:
		return fmt.Errorf("%q is recorded without a duration", s.text)
	case !slices.Equal(params, s.params):
		return fmt.Errorf("%q is recorded with the parameters %q, want %q", s.text, params, s.params)
	case e.User != alice || e.Resource != s.at() || e.Account != s.as() || e.Session == "":
		return fmt.Errorf("%q is recorded as of %s on %s as %s in session %q", s.text, e.User, e.Resource, e.Account, e.Session)
	}
	return nil
}

func (w *world) checkDenied(ctx context.Context) error {
	if err := w.refused(ctx, bob, "no access to "+resource); err != nil {
		return err
	}
	return w.eventually(ctx, "user:"+bob+" type:session.denied since:1h", func(events []audit.Event) error {
		if len(events) == 0 || events[0].Reason == "" {
			return errors.New("the refusal is not on the record with its reason")
		}
		return nil
	})
}

func (w *world) checkWrongToken(ctx context.Context) error {
	right := w.people[bob]
	w.people[bob] = right[:len(right)-1] + "?"
	defer func() { w.people[bob] = right }()
	return w.refused(ctx, bob, "token")
}

func (w *world) checkSuspended(ctx context.Context) error {
	if out, err := w.psql(ctx, carol, "select 1"); err != nil {
		return fmt.Errorf("before, carol is let in: %w: %s", err, out)
	}
	if _, err := w.admin(ctx, "", "users", "suspend", carol); err != nil {
		return err
	}
	refusal := w.refused(ctx, carol, "suspended")
	// The next run with this directory lets her in again before it suspends her.
	_, err := w.admin(ctx, "", "users", "reinstate", carol)
	return errors.Join(refusal, err)
}

// refused wants psql to fail for a person with a message that says why.
func (w *world) refused(ctx context.Context, person, why string) error {
	out, err := w.psql(ctx, person, "select 1")
	if err == nil {
		return fmt.Errorf("%s was let in", person)
	}
	if !strings.Contains(out, why) {
		return fmt.Errorf("%s was told %q, which does not say %q", person, strings.TrimSpace(out), why)
	}
	say("          %s: %s", person, strings.TrimSpace(out))
	return nil
}

// checkWeb asks for the page and the API's description.
func (w *world) checkWeb(ctx context.Context) error {
	for path, want := range map[string]string{"/": "<html", "/api/v1/openapi.json": `"openapi"`} {
		body, err := w.get(ctx, path)
		if err != nil {
			return err
		}
		if !strings.Contains(body, want) {
			return fmt.Errorf("%s answers without %s", path, want)
		}
	}
	return nil
}

func (w *world) get(ctx context.Context, path string) (_ string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.sally.Web+path, nil)
	if err != nil {
		return "", fmt.Errorf("ask for %s: %w", path, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask for %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s", path, res.Status)
	}
	return string(body), nil
}
