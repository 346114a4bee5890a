package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// The result of a statement is another record. It was made as soon as the statement was over, and records follow each
// other in time: so it is looked for from resultEarly before that moment to resultLate behind it. If it is not there
// (a clock was set), it is looked for in the resultRecords records behind the statement.
const (
	resultEarly   = 2 * time.Second
	resultLate    = 15 * time.Second
	resultRecords = 1 << 18
)

// Prover proves events of a log.
type Prover struct {
	Log      *Log
	Searcher audit.Searcher
}

// Prove proves the event of that ID and, when its result is known, the result. It waits until a checkpoint covers them,
// as long as ctx lasts. audit.ErrNotFound when there is no such event.
func (p Prover) Prove(ctx context.Context, id string) (Proof, error) {
	records, err := recordsOf(ctx, p.Log.journal.Dir(), p.Searcher, id)
	if err != nil {
		return Proof{}, err
	}
	if err := p.Log.AwaitSigned(ctx, records[len(records)-1].Seq); err != nil {
		return Proof{}, err
	}
	p.Log.mu.RLock()
	defer p.Log.mu.RUnlock()
	if !p.Log.ready {
		return Proof{}, errors.New("nothing can be proven yet: the log is still reading the record, or does not match it")
	}
	return makeProof(p.Log.store, p.Log.latest, p.Log.covered, p.Log.public.Rotations, records)
}

// Checkpoint is the newest signed checkpoint; empty while there is none.
func (p Prover) Checkpoint() string { return p.Log.Checkpoint() }

// Key is the verifier key that signs at present.
func (p Prover) Key() string { return p.Log.Key() }

// Trouble is why nothing is signed at present; empty when nothing is wrong.
func (p Prover) Trouble() string { return p.Log.Trouble() }

// Witnesses says how the witnesses do.
func (p Prover) Witnesses() []WitnessStatus { return p.Log.Witnesses() }

// ProveOffline proves an event from the files of a journal, which another process may have open, with its newest
// checkpoint.
func ProveOffline(ctx context.Context, journalDir string, searcher audit.Searcher, id string) (Proof, error) {
	dir := filepath.Join(journalDir, Dir)
	public, err := readKeyChain(os.DirFS(dir), keysFile)
	if err != nil {
		return Proof{}, err
	}
	chain, err := public.resolve()
	if err != nil {
		return Proof{}, fmt.Errorf("read keys: %w", err)
	}
	signed, err := LatestCheckpoint(journalDir)
	if err != nil {
		return Proof{}, err
	}
	cp, err := chain.open([]byte(signed))
	if err != nil {
		return Proof{}, fmt.Errorf("read checkpoint: %w", err)
	}
	records, err := recordsOf(ctx, journalDir, searcher, id)
	if err != nil {
		return Proof{}, err
	}
	if last := records[len(records)-1].Seq; last >= cp.Size {
		return Proof{}, fmt.Errorf("no checkpoint covers record %d yet; the newest covers %d records", last, cp.Size)
	}
	s, err := openStore(dir)
	if err != nil {
		return Proof{}, err
	}
	for b := s.first; (b+1)<<blockLevel <= cp.Size; b++ {
		root, err := s.storedRoot(b)
		if err != nil {
			return Proof{}, fmt.Errorf("read hashes: %w", err)
		}
		s.roots = append(s.roots, root)
	}
	return makeProof(s, signed, cp, public.Rotations, records)
}

// LatestCheckpoint is the newest signed checkpoint of the journal in dir, unverified.
func LatestCheckpoint(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, Dir, latestFile))
	if err != nil {
		return "", fmt.Errorf("read checkpoint: %w", err)
	}
	return string(b), nil
}

func makeProof(s *store, signed string, cp Checkpoint, rotations []Rotation, records []journal.Record) (Proof, error) {
	p := Proof{Format: ProofFormat, Origin: cp.Origin, Checkpoint: signed, Rotations: rotations}
	for _, rec := range records {
		i, err := s.prove(rec.Seq, rec.JSON, cp.Size)
		if err != nil {
			return Proof{}, err
		}
		if err := i.check(cp); err != nil {
			return Proof{}, fmt.Errorf("the record is not the one that was signed: %w; sally audit verify says more", err)
		}
		p.Inclusions = append(p.Inclusions, i)
	}
	return p, nil
}

// recordsOf finds an event's record and, for a statement whose result is known, the result's.
func recordsOf(ctx context.Context, dir string, searcher audit.Searcher, id string) ([]journal.Record, error) {
	e, err := searcher.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	var own audit.Event
	rec, err := readRecord(dir, e.Seq)
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(rec.JSON, &own) != nil || own.ID != id {
		return nil, fmt.Errorf("the search index says that event %s is record %d, but the record is another", id, e.Seq)
	}
	records := []journal.Record{rec}
	if own.Type != audit.StatementBegin || !e.Done {
		return records, nil
	}
	result, found, err := findResult(ctx, dir, own, time.Duration(e.Duration))
	if err != nil {
		return nil, err
	}
	if found {
		records = append(records, result)
	}
	return records, nil
}

func readRecord(dir string, seq uint64) (journal.Record, error) {
	r, err := journal.OpenReader(dir, seq)
	if err != nil {
		return journal.Record{}, err
	}
	defer r.Close()
	rec, err := r.Next()
	if errors.Is(err, io.EOF) || err == nil && rec.Seq != seq {
		return rec, fmt.Errorf("the journal does not hold record %d", seq)
	}
	if err != nil {
		return rec, fmt.Errorf("read record %d: %w", seq, err)
	}
	rec.JSON = bytes.Clone(rec.JSON)
	return rec, nil
}

// findResult finds the record of a statement's result.
func findResult(ctx context.Context, dir string, statement audit.Event, took time.Duration) (journal.Record, bool, error) {
	end := statement.Time.Add(took)
	from, err := recordAt(dir, statement.Seq+1, end.Add(-resultEarly))
	if err != nil {
		return journal.Record{}, false, err
	}
	rec, found, err := scanResult(ctx, dir, from, statement.ID, func(_ int, t time.Time) bool { return t.After(end.Add(resultLate)) })
	if found || err != nil {
		return rec, found, err
	}
	return scanResult(ctx, dir, statement.Seq+1, statement.ID, func(n int, _ time.Time) bool { return n > resultRecords })
}

// scanResult reads records from number from on until one is the result of the statement, or enough says so of their
// count and time.
func scanResult(ctx context.Context, dir string, from uint64, id string, enough func(int, time.Time) bool) (journal.Record, bool, error) {
	r, err := journal.OpenReader(dir, from)
	if err != nil {
		return journal.Record{}, false, err
	}
	defer r.Close()
	wanted := []byte(`"of":"` + id + `"`)
	for n := 0; ; n++ {
		rec, err := r.Next()
		var corrupt *journal.CorruptError
		switch {
		case errors.Is(err, io.EOF):
			return rec, false, nil
		case errors.As(err, &corrupt):
			continue
		case err != nil:
			return rec, false, fmt.Errorf("read the record: %w", err)
		}
		if bytes.Contains(rec.JSON, wanted) {
			var e audit.Event
			if json.Unmarshal(rec.JSON, &e) == nil && e.Type == audit.StatementResult && e.Of == id {
				return journal.Record{Seq: rec.Seq, JSON: bytes.Clone(rec.JSON)}, true, nil
			}
		}
		if n%256 == 0 {
			if ctx.Err() != nil {
				return rec, false, ctx.Err()
			}
			if enough(n, timeOf(rec.JSON)) {
				return rec, false, nil
			}
		}
	}
}

// recordAt finds, by bisection over the numbers from low on, a record that is not later than t, if there is one.
func recordAt(dir string, low uint64, t time.Time) (uint64, error) {
	var high uint64
	for step := uint64(1024); ; step *= 4 {
		at, ok, err := timeAt(dir, low+step)
		if err != nil {
			return 0, err
		}
		high = low + step
		if !ok || at.After(t) {
			break
		}
	}
	for high-low > 256 {
		middle := low + (high-low)/2
		at, ok, err := timeAt(dir, middle)
		if err != nil {
			return 0, err
		}
		if ok && !at.After(t) {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}

// timeAt is when a record was made; false when there is no such record.
func timeAt(dir string, seq uint64) (time.Time, bool, error) {
	r, err := journal.OpenReader(dir, seq)
	if err != nil {
		return time.Time{}, false, err
	}
	defer r.Close()
	rec, err := r.Next()
	var corrupt *journal.CorruptError
	switch {
	case errors.Is(err, io.EOF) || errors.As(err, &corrupt):
		return time.Time{}, false, nil
	case err != nil:
		return time.Time{}, false, fmt.Errorf("read the record: %w", err)
	}
	return timeOf(rec.JSON), true, nil
}

// timeOf is when the record was made; zero when it does not say.
func timeOf(record []byte) time.Time {
	_, text, ok := bytes.Cut(record[:min(len(record), 256)], []byte(`,"time":"`))
	if !ok {
		return time.Time{}
	}
	text, _, _ = bytes.Cut(text, []byte(`"`))
	t, err := time.Parse(audit.TimeFormat, string(text))
	if err != nil {
		return time.Time{}
	}
	return t
}
