package segment

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/sallyport/sallyport/audit/query"
)

func TestDamagedPageIsOneBlocksAlone(t *testing.T) {
	blocks, want := generated(t, 6, 10, 60)
	path := write(t, blocks...)
	s := open(t, path)
	places, err := s.pages(len(s.trailer.groups) + 4)
	if err != nil {
		t.Fatal(err)
	}
	flip(t, path, places[colStatement].offset+int64(places[colStatement].header)+3)
	for _, reindexed := range []bool{false, true} {
		if reindexed {
			if _, err := Reindex(path); err != nil {
				t.Fatal(err)
			}
		}
		s := open(t, path)
		v, _ := view(t, `"absent from all of them"`)
		candidates, err := s.Candidates(v)
		if err != nil {
			t.Fatal(err)
		}
		if candidates.Has(4) != reindexed {
			t.Errorf("reindexed %v: the damaged block is a candidate: %v", reindexed, candidates.Has(4))
		}
		for i := range s.Blocks() {
			b, err := s.Block(i, AllColumns)
			if i == 4 {
				var damage *DamageError
				if !errors.As(err, &damage) || damage.Block != 4 || damage.Column != "statement" {
					t.Fatalf("the damaged block gives %v", err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			e, err := b.Event(7)
			if err != nil || e.ID != want[i*60+7].ID {
				t.Fatalf("block %d: %v, %v", i, e, err)
			}
		}
		if _, err := s.Block(4, ColumnsOfField(query.User)); err != nil {
			t.Errorf("a column that is whole: %v", err)
		}
		if _, ok, err := s.Sums(query.User); ok == reindexed || err != nil {
			t.Errorf("reindexed %v: sums are known: %v, %v", reindexed, ok, err)
		}
	}
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[at] ^= 0x10
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTruncatedFilesAreRefused(t *testing.T) {
	blocks, _ := generated(t, 7, 2, 30)
	path := write(t, blocks...)
	for _, name := range []string{path, indexPath(path)} {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for size := 0; size < len(whole); size += max(1, len(whole)/97) {
			if err := os.WriteFile(name, whole[:size], 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(path, NewCache(0))
			var unusable *FileError
			if !errors.As(err, &unusable) || unusable.Index != (name != path) {
				t.Fatalf("%s of %d bytes: %v, %v", name, size, s, err)
			}
			if name == path {
				if _, err := Reindex(path); !errors.As(err, &unusable) || unusable.Index {
					t.Fatalf("reindexing %d bytes: %v", size, err)
				}
			}
		}
		if err := os.WriteFile(name, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, path)
}

// A side index that is written anew is the one that there was.
func TestReindex(t *testing.T) {
	blocks, want := generated(t, 8, 19, 40)
	path := write(t, blocks...)
	first, err := os.ReadFile(indexPath(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(indexPath(path), []byte("garbage that is long enough to be one"), 0o600); err != nil {
		t.Fatal(err)
	}
	var unusable *FileError
	if _, err := Open(path, NewCache(0)); !errors.As(err, &unusable) || !unusable.Index {
		t.Fatal(err)
	}
	info, err := Reindex(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := os.ReadFile(indexPath(path))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, again) || info.Rows != len(want) {
		t.Errorf("the new side index differs from the old one; %+v", info)
	}
	same(t, want, eventsOf(t, open(t, path)))
}

// Any byte of a side index that changes is noticed, or changes nothing.
func TestDamagedSideIndexIsNoticed(t *testing.T) {
	blocks, want := generated(t, 9, 3, 40)
	path := write(t, blocks...)
	whole, err := os.ReadFile(indexPath(path))
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += 1 + len(whole)/211 {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0x41
		if err := os.WriteFile(indexPath(path), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, NewCache(1<<20))
		if err != nil {
			var unusable *FileError
			if !errors.As(err, &unusable) {
				t.Fatalf("byte %d: %v", at, err)
			}
			continue
		}
		for row := 0; row < len(want); row += 17 {
			e := &want[row]
			for _, text := range []string{"user:" + e.User, `"` + string(e.Statement.Bytes[5:30]) + `"`, "duration:>0s", "error:*"} {
				v, m := view(t, text)
				candidates, err := s.Candidates(v)
				if err == nil && m.MatchEvent(e) && !candidates.Has(row/40) {
					t.Fatalf("byte %d: %s is not found any more", at, text)
				}
			}
			b, err := s.Block(row/40, AllColumns)
			if err != nil {
				continue
			}
			if got, err := b.Event(row % 40); err != nil || got.ID != e.ID {
				t.Fatalf("byte %d: %+v, %v", at, got, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWriterLeavesNothingBehind(t *testing.T) {
	blocks, _ := generated(t, 10, 2, 20)
	path := t.TempDir() + "/s.parquet"
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(blocks[1]); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(blocks[0]); err == nil {
		t.Error("an earlier block was taken after a later one")
	}
	w.Abort()
	empty, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.Finish(); err == nil {
		t.Error("a segment without rows was written")
	}
	if left, err := os.ReadDir(t.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	entries, err := os.ReadDir(path[:len(path)-len("/s.parquet")])
	if err != nil || len(entries) > 0 {
		t.Errorf("%v is left, %v", entries, err)
	}
}

func TestAppendRefuses(t *testing.T) {
	b := NewBlock()
	for _, record := range []string{"", "{", "null", "[]", `{"seq":1`, `{"seq":-1}`, `{"seq":1}x`, `{"seq":1,"time":"yesterday"}`,
		`{"seq":1,"params":[{}]}`, `{"seq":1,"type":"statement.result"}`, `{"seq":1,"id":"\u0022"}`} {
		if err := b.Append([]byte(record)); err == nil {
			t.Errorf("%s was taken", record)
		}
	}
	if b.Len() != 0 {
		t.Errorf("%d rows", b.Len())
	}
}

func TestBlockIsFull(t *testing.T) {
	b := NewBlock()
	for range BlockRows {
		if b.Full() {
			t.Fatalf("full with %d rows", b.Len())
		}
		if err := b.Append([]byte(`{"seq":1,"id":"","time":"2026-11-01T00:00:00.000000Z","type":"admin"}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Append([]byte(`{}`)); !b.Full() || !errors.Is(err, ErrFull) {
		t.Errorf("full %v, %v", b.Full(), err)
	}
}
