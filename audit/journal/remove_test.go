package journal

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
)

func TestRemoveBefore(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{SegmentBytes: 4096})
	for range 10 {
		appended(t, j, 20)
		if err := j.AwaitDurable(t.Context(), j.Written()-1); err != nil {
			t.Fatal(err)
		}
	}
	segments, err := ListSegments(dir)
	if err != nil || len(segments) < 4 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	reader := j.Reader(0) // has the first segment open while it is removed
	defer reader.Close()
	if _, err := reader.Next(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segments[0].Path+".cut-1", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := segments[2].First
	if _, err := RemoveBefore(dir, before+1); err == nil {
		t.Fatal("half a segment was removed")
	}
	if _, err := RemoveBefore(dir, j.Written()+1); err == nil {
		t.Fatal("the newest segment was removed")
	}
	freed, err := RemoveBefore(dir, before)
	if err != nil || freed != segments[0].Bytes+segments[1].Bytes {
		t.Fatalf("freed %d, %v; want %d", freed, err, segments[0].Bytes+segments[1].Bytes)
	}
	if freed, err := RemoveBefore(dir, before); err != nil || freed != 0 {
		t.Fatalf("again: freed %d, %v", freed, err)
	}
	if first, err := First(dir); err != nil || first != before {
		t.Fatalf("first is %d, %v; want %d", first, err, before)
	}
	if _, err := os.Stat(segments[0].Path + ".cut-1"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was cut from a removed segment is still there: %v", err)
	}
	for next := uint64(1); ; next++ {
		rec, err := reader.Next()
		var gap *CorruptError
		switch {
		case errors.Is(err, io.EOF):
			if next != j.Written() {
				t.Fatalf("read up to %d of %d", next, j.Written())
			}
			appended(t, j, 1)
			closed(t, j)
			readAll(t, dir, before)
			return
		case errors.As(err, &gap):
			next--
		case err != nil:
			t.Fatal(err)
		default:
			next = rec.Seq
		}
	}
}

func TestLastTimeAndWholeBytes(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	at := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	for i := range 3 {
		e := statement(strings.Repeat("x", 100_000*i))
		e.Time = at.Add(time.Duration(i) * time.Minute)
		e.Params = []audit.Param{{Value: []byte(strings.Repeat("p", 70_000))}}
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, j)
	segments, err := ListSegments(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := segments[0].Path
	if last, err := LastTime(path); err != nil || !last.Equal(at.Add(2*time.Minute)) {
		t.Errorf("last record at %s, %v", last, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, torn := range []string{"", "01234567 {\"seq\":3", "01234567 {}\n", "a\nb\n"} {
		if _, err := f.WriteString(torn); err != nil {
			t.Fatal(err)
		}
		if whole, err := WholeBytes(f); err != nil || whole != segments[0].Bytes {
			t.Errorf("behind %q: %d whole bytes, %v; want %d", torn, whole, err, segments[0].Bytes)
		}
	}
}

func TestEachSideFile(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{InlineBytes: 16})
	var want []string
	for i := range 300 {
		e := statement("select " + strings.Repeat("y", 20*i))
		e.Params = []audit.Param{{Value: []byte(`{"file":"` + strings.Repeat("a", 64) + `"`)}}
		if i%3 == 0 { // within the limit, it stands in the record itself
			e.Params[0].Value = []byte(`{"file":"aaa`)
		}
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, j)
	segments, err := ListSegments(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		var e audit.Event
		if err != nil || json.Unmarshal(rec.JSON, &e) != nil {
			t.Fatal(err)
		}
		if f := e.Statement.File; f != nil {
			want = append(want, f.SHA256)
		}
		if f := e.Params[0].File; f != nil {
			want = append(want, f.SHA256)
		}
	}
	var got []string
	if err := EachSideFile(segments[0].Path, func(sum string) { got = append(got, sum) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 300 {
		t.Errorf("%d references (-want +got):\n%s", len(want), diff)
	}
}

func TestSideFilesAreSetAside(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{InlineBytes: 16})
	text := strings.Repeat("z", 100)
	if err := j.Append(statement(text)); err != nil {
		t.Fatal(err)
	}
	list := func() (all []StoredSideFile) {
		t.Helper()
		if err := EachStoredSideFile(dir, func(f StoredSideFile) error { all = append(all, f); return nil }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := list()
	if len(all) != 1 || all[0].Size != 100 || !all[0].Retired.IsZero() {
		t.Fatalf("%+v", all)
	}
	sum, now := all[0].SHA256, time.Now().Truncate(time.Second)
	if err := RetireSideFile(dir, sum, now); err != nil {
		t.Fatal(err)
	}
	if all := list(); len(all) != 1 || !all[0].Retired.Equal(now) {
		t.Fatalf("%+v", all)
	}
	if err := j.Append(statement(text)); err != nil { // writes the file anew
		t.Fatal(err)
	}
	if all := list(); len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	if err := RestoreSideFile(dir, sum); err != nil {
		t.Fatal(err)
	}
	if all := list(); len(all) != 1 || !all[0].Retired.IsZero() {
		t.Fatalf("%+v", all)
	}
	for range 2 {
		if err := RetireSideFile(dir, sum, now); err != nil {
			t.Fatal(err)
		}
		if err := RemoveSideFile(dir, sum); err != nil {
			t.Fatal(err)
		}
	}
	if all := list(); len(all) != 0 {
		t.Fatalf("%+v", all)
	}
	if err := RemoveSideFile(dir, "../../etc"); err == nil {
		t.Error("a path was taken for a side file")
	}
}
