package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/audit"
)

// shippable is a journal with small segments and a side file, closed.
func shippable(t testing.TB, gateway string) string {
	t.Helper()
	dir := t.TempDir()
	j := open(t, dir, Options{Gateway: gateway, SegmentBytes: 2000, InlineBytes: 200})
	for i := range 40 {
		e := statement(fmt.Sprintf("select %d", i))
		e.Gateway = gateway
		if i == 7 {
			e.Statement.Bytes = []byte(strings.Repeat("a long statement ", 50))
		}
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
		if i%5 == 4 {
			if err := j.AwaitDurable(t.Context(), e.Seq); err != nil {
				t.Fatal(err)
			}
		}
	}
	closed(t, j)
	return dir
}

// chunks are all lines of a journal, in pieces of about so many bytes.
func chunks(t testing.TB, dir string, size int) []Lines {
	t.Helper()
	var all []Lines
	at := Position{}
	for {
		l, err := ReadLines(dir, at, 40, size)
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Bytes) == 0 {
			return all
		}
		all = append(all, l)
		at = Position{Segment: l.Segment, Offset: l.Offset + int64(len(l.Bytes)), Next: l.Next}
	}
}

func openCopy(t testing.TB, dir string) *Copy {
	t.Helper()
	c, err := OpenCopy(dir, "gw-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func ship(t testing.TB, c *Copy, from string, l Lines) error {
	t.Helper()
	for _, sum := range SideFilesIn(l.Bytes) {
		f, err := OpenStoredSideFile(from, sum)
		if err != nil {
			t.Fatal(err)
		}
		err = c.AddSideFile(sum, f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.Append(l.Segment, l.Offset, l.Bytes)
	return err
}

// sameFiles compares all segments and side files.
func sameFiles(t testing.TB, want, got string) {
	t.Helper()
	segments, err := ListSegments(want)
	if err != nil || len(segments) < 3 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	for _, s := range segments {
		a, err := os.ReadFile(s.Path)
		b, berr := os.ReadFile(filepath.Join(got, filepath.Base(s.Path)))
		if bytes.Count(a, []byte("\n")) == 1 {
			continue // begun, and without a record
		}
		if err != nil || berr != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs: %v, %v", filepath.Base(s.Path), err, berr)
		}
	}
}

func TestCopyIsTheSame(t *testing.T) {
	from := shippable(t, "gw-1")
	for _, size := range []int{1, 300, 1 << 20} {
		dir := t.TempDir()
		c := openCopy(t, dir)
		for _, l := range chunks(t, from, size) {
			for range 2 { // at least once
				if err := ship(t, c, from, l); err != nil {
					t.Fatal(err)
				}
			}
			if c.Written() != l.Next {
				t.Fatalf("%d records, want %d", c.Written(), l.Next)
			}
		}
		sameFiles(t, from, dir)
		if err := c.Position().Holds(from); err != nil {
			t.Error(err)
		}
		if got := readAll(t, dir, 0); len(got) != 40 {
			t.Errorf("%d records", len(got))
		}
	}
}

// TestCopyIsTheSameAfterCrashes cuts the copy at every byte of its last lines, as a crash in the middle of an append does.
func TestCopyIsTheSameAfterCrashes(t *testing.T) {
	from := shippable(t, "gw-1")
	all := chunks(t, from, 700)
	for _, last := range []int{0, 1, len(all) / 2, len(all) - 1} {
		for cut := 0; cut < len(all[last].Bytes); cut += 1 + len(all[last].Bytes)/40 {
			dir := t.TempDir()
			c, err := OpenCopy(dir, "gw-1", nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range all[:last] {
				if err := ship(t, c, from, l); err != nil {
					t.Fatal(err)
				}
			}
			acknowledged := c.Position()
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, segmentName(all[last].Segment))
			f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt(all[last].Bytes[:cut], all[last].Offset); err != nil {
				t.Fatal(err)
			}
			f.Close()
			c = openCopy(t, dir)
			if end := c.Position(); end.Next < acknowledged.Next {
				t.Fatalf("cut at %d: %d records are left of %d", cut, end.Next, acknowledged.Next)
			}
			at := c.Position()
			for {
				l, err := ReadLines(from, at, 40, 500)
				if err != nil {
					t.Fatal(err)
				}
				if len(l.Bytes) == 0 {
					break
				}
				if err := ship(t, c, from, l); err != nil {
					t.Fatal(err)
				}
				at = c.Position()
			}
			sameFiles(t, from, dir)
		}
	}
}

// changed is the lines with one line replaced, and its checksum right.
func changed(lines []byte, number int, change func(body string) string) []byte {
	all := bytes.SplitAfter(lines, []byte("\n"))
	body := string(bytes.TrimSuffix(all[number][linePrefix:], []byte("\n")))
	all[number] = closeLine(append(openLine(nil), change(body)...), 0)
	return bytes.Join(all, nil)
}

// TestTampering is what a gateway may try.
func TestTampering(t *testing.T) {
	from, foreign := shippable(t, "gw-1"), shippable(t, "gw-2")
	again := shippable(t, "gw-1") // the same gateway with another past
	all := chunks(t, from, 1<<20)
	first, second := all[0], all[1]
	held := 400 // bytes of the second segment that the copy has
	held = bytes.IndexByte(second.Bytes[held:], '\n') + held + 1
	replace := func(old, new string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, new, 1) }
	}
	for _, test := range []struct {
		name    string
		segment uint64
		offset  int64
		lines   []byte
		want    error
	}{
		{"a flipped byte", second.Segment, int64(held), flip(second.Bytes[held:], 40), ErrForeign},
		{"a flipped byte of the past", second.Segment, 0, flip(second.Bytes, 40), ErrDiverged},
		{"a flipped byte of an older segment", first.Segment, 0, flip(first.Bytes, 300), ErrDiverged},
		{"a past rewritten with checksums", second.Segment, 0, changed(second.Bytes, 1, replace("select", "SELECT")), ErrDiverged},
		{"an older segment that grows", first.Segment, int64(len(first.Bytes)), second.Bytes[held:], ErrDiverged},
		{"a record left out", second.Segment, int64(held), second.Bytes[held+bytes.IndexByte(second.Bytes[held:], '\n')+1:], ErrForeign},
		{"bytes left out", second.Segment, int64(held) + 1, second.Bytes[held:], ErrAhead},
		{"a segment left out", all[2].Segment, 0, all[2].Bytes, ErrAhead},
		{"another gateway's segment", first.Segment, 0, chunks(t, foreign, 1<<20)[0].Bytes, ErrDiverged},
		{"another gateway's lines", second.Segment, int64(held),
			changed(second.Bytes[held:], 0, replace(`"gateway":"gw-1"`, `"gateway":"gw-2"`)), ErrForeign},
		{"another journal of the gateway", first.Segment, 0, chunks(t, again, 1<<20)[0].Bytes, ErrDiverged},
		{"a segment within another", second.Segment + 1, 0, second.Bytes, ErrDiverged},
		{"half a line", second.Segment, int64(held), second.Bytes[held : len(second.Bytes)-1], ErrForeign},
		{"nothing", second.Segment, int64(held), nil, ErrForeign},
		{"before the beginning", second.Segment, -1, second.Bytes, ErrForeign},
		{"no events", second.Segment, int64(held), changed(second.Bytes[held:], 0, func(s string) string { return s[:len(s)-1] }), ErrForeign},
		{"a side file that it has not", second.Segment, int64(held), changed(second.Bytes[held:], 0, func(s string) string {
			before, _, _ := strings.Cut(s, `,"statement":`)
			return before + `,"statement":{"file":"` + strings.Repeat("0a", 32) + `","size":1,"head":""}}`
		}), &MissingSideFile{SHA256: strings.Repeat("0a", 32)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := openCopy(t, t.TempDir())
			if err := ship(t, c, from, first); err != nil {
				t.Fatal(err)
			}
			for _, sum := range SideFilesIn(second.Bytes) {
				f, err := OpenStoredSideFile(from, sum)
				if err == nil {
					err = errors.Join(c.AddSideFile(sum, f), f.Close())
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.Append(second.Segment, 0, second.Bytes[:held]); err != nil {
				t.Fatal(err)
			}
			before := c.Position()
			_, err := c.Append(test.segment, test.offset, test.lines)
			var missing, want *MissingSideFile
			if errors.As(test.want, &want) {
				if !errors.As(err, &missing) || missing.SHA256 != want.SHA256 {
					t.Errorf("%v, want %v", err, test.want)
				}
			} else if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if c.Position() != before {
				t.Errorf("the copy ends at %+v, not %+v", c.Position(), before)
			}
			if _, err := c.Append(second.Segment, int64(held), second.Bytes[held:]); err != nil {
				t.Errorf("what comes next is not taken any more: %v", err)
			}
		})
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

func TestSegmentsOfACopyFollowEachOther(t *testing.T) {
	from := shippable(t, "gw-1")
	all := chunks(t, from, 1<<20)
	c := openCopy(t, t.TempDir())
	if err := ship(t, c, from, all[0]); err != nil {
		t.Fatal(err)
	}
	wrong := changed(all[1].Bytes, 0, func(s string) string {
		i := strings.Index(s, `"prev":"`) + len(`"prev":"`)
		return s[:i] + strings.Repeat("0", 64) + s[i+64:]
	})
	for _, sum := range SideFilesIn(wrong) {
		f, err := OpenStoredSideFile(from, sum)
		if err == nil {
			err = errors.Join(c.AddSideFile(sum, f), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Append(all[1].Segment, 0, wrong); !errors.Is(err, ErrDiverged) {
		t.Errorf("%v, want ErrDiverged", err)
	}
	other, err := OpenCopy(t.TempDir(), "gw-2", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Append(all[0].Segment, 0, all[0].Bytes); !errors.Is(err, ErrForeign) {
		t.Errorf("another gateway's copy: %v, want ErrForeign", err)
	}
}

func TestSideFilesOfACopy(t *testing.T) {
	c := openCopy(t, t.TempDir())
	content := []byte("what a person has typed")
	hash := sha256.Sum256(content)
	sum := hex.EncodeToString(hash[:])
	for _, wrong := range []string{"", "..", strings.Repeat("/", 64), strings.ToUpper(sum), sum + "0", sum[:2] + "/../" + sum[6:]} {
		if err := c.AddSideFile(wrong, bytes.NewReader(content)); !errors.Is(err, ErrForeign) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if err := c.AddSideFile(sum, strings.NewReader("something else")); !errors.Is(err, ErrForeign) {
		t.Errorf("other bytes: %v", err)
	}
	if _, err := OpenStoredSideFile(c.Dir(), sum); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("other bytes are kept: %v", err)
	}
	for range 2 {
		if err := c.AddSideFile(sum, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ReadSideFile(c.Dir(), &audit.SideFile{SHA256: sum, Size: int64(len(content))}, 1<<20)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestReadLinesOfAnotherJournal(t *testing.T) {
	from, again := shippable(t, "gw-1"), shippable(t, "gw-1")
	all := chunks(t, from, 1<<20)
	c := openCopy(t, t.TempDir())
	for _, l := range all[:2] {
		if err := ship(t, c, from, l); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Position().Holds(from); err != nil {
		t.Error(err)
	}
	if err := c.Position().Holds(again); !errors.Is(err, ErrOtherJournal) {
		t.Errorf("another past: %v", err)
	}
	if err := (Position{Segment: 0, Offset: 10, Next: 41, Last: "x"}).Holds(from); !errors.Is(err, ErrOtherJournal) {
		t.Errorf("a longer past: %v", err)
	}
	// What retention takes before it was shipped is missed, and what it takes after is not.
	if _, err := RemoveBefore(from, all[2].Segment); err != nil {
		t.Fatal(err)
	}
	if l, err := ReadLines(from, c.Position(), 40, 1<<20); err != nil || l.Segment != all[2].Segment || l.Offset != 0 {
		t.Errorf("%+v, %v", l, err)
	}
	behind := Position{Segment: all[0].Segment, Offset: all[0].Offset + int64(len(all[0].Bytes)), Next: all[0].Next}
	if _, err := ReadLines(from, behind, 40, 1<<20); !errors.Is(err, ErrRemoved) {
		t.Errorf("%v, want ErrRemoved", err)
	}
}

// FuzzCopyAppend: whatever is sent, what the copy takes stays readable, in order, and the gateway's own.
func FuzzCopyAppend(f *testing.F) {
	from := shippable(f, "gw-1")
	for _, l := range chunks(f, from, 600)[:4] {
		f.Add(l.Segment, l.Offset, l.Bytes)
	}
	first := chunks(f, from, 600)[0]
	f.Fuzz(func(t *testing.T, segment uint64, offset int64, lines []byte) {
		dir := t.TempDir()
		c := openCopy(t, dir)
		if err := ship(t, c, from, first); err != nil {
			t.Fatal(err)
		}
		before := c.Position()
		after, err := c.Append(segment, offset, lines)
		if err != nil && after != before {
			t.Fatalf("%v, and yet the copy ends at %+v", err, after)
		}
		if got := readAll(t, dir, 0); uint64(len(got)) != after.Next {
			t.Fatalf("%d records can be read of %d", len(got), after.Next)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if again := openCopy(t, dir).Position(); again != after {
			t.Fatalf("opened again it ends at %+v, not %+v", again, after)
		}
	})
}
