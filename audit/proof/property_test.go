package proof

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// guarded lists the files whose every byte matters.
func guarded(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "lock" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// Any change of a single byte, any missing or doubled byte, any missing file and any two lines that change places are
// found, without a key that is pinned.
func TestAnyDamageIsFound(t *testing.T) {
	s := newServer(t).start().statements(6).signed()
	if _, _, err := s.log.Rotate(t.Context(), statementScope()); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s.grow()
	sound(t, s.dir, VerifyOptions{})
	names := guarded(t, s.dir)
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(names).Draw(rt, "file")
		whole := readFile(t, name)
		if strings.HasSuffix(name, ".journal") && bytes.Count(whole, []byte("\n")) == 1 {
			rt.Skip("a segment without records may be one that a crash kept from being begun")
		}
		defer writeFile(t, name, whole)
		at := rapid.IntRange(0, len(whole)-1).Draw(rt, "at")
		var changed []byte
		switch rapid.SampledFrom([]string{"flip", "remove", "double", "zero", "cut", "unlink", "swap"}).Draw(rt, "damage") {
		case "flip":
			changed = bytes.Clone(whole)
			changed[at] ^= byte(1 << rapid.IntRange(0, 7).Draw(rt, "bit"))
		case "remove":
			changed = append(bytes.Clone(whole[:at]), whole[at+1:]...)
		case "double":
			if strings.Contains(name, "/hashes/") || at >= len(whole)-2 {
				rt.Skip("bytes behind the last stored hash, and empty lines behind the last checkpoint, mean nothing")
			}
			changed = append(bytes.Clone(whole[:at+1]), whole[at:]...)
		case "zero":
			changed = bytes.Clone(whole)
			changed[at] = 0
		case "cut":
			changed = whole[:at]
		case "unlink":
			if err := os.Remove(name); err != nil {
				rt.Fatal(err)
			}
		case "swap":
			lines := bytes.SplitAfter(whole, []byte("\n"))
			if len(lines) < 4 {
				rt.Skip("too few lines")
			}
			i := rapid.IntRange(0, len(lines)-3).Draw(rt, "line")
			lines[i], lines[i+1] = lines[i+1], lines[i]
			changed = bytes.Join(lines, nil)
		}
		if changed != nil {
			if bytes.Equal(changed, whole) {
				rt.Skip("nothing changed")
			}
			writeFile(t, name, changed)
		}
		r, err := Verify(t.Context(), s.dir, VerifyOptions{})
		if err == nil && r.Fault == nil {
			rt.Fatalf("the damage to %s at %d was not found", name, at)
		}
	})
}

// The checkpoint that changes the key has two signatures, which stand in one order: the older key's first.
func TestSwappedSignaturesAreFound(t *testing.T) {
	s := newServer(t).start().statements(6).signed()
	if _, _, err := s.log.Rotate(t.Context(), statementScope()); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s.grow()
	name := filesOf(t, s.dir, "proof/checkpoints/*")[0]
	swapped := false
	lines := bytes.SplitAfter(readFile(t, name), []byte("\n"))
	for i := range len(lines) - 1 {
		if bytes.HasPrefix(lines[i], []byte("— ")) && bytes.HasPrefix(lines[i+1], []byte("— ")) {
			lines[i], lines[i+1] = lines[i+1], lines[i]
			swapped = true
			break
		}
	}
	if !swapped {
		t.Fatal("no checkpoint has two signatures")
	}
	writeFile(t, name, bytes.Join(lines, nil))
	r, err := Verify(t.Context(), s.dir, VerifyOptions{})
	if err != nil || r.Fault == nil || r.Fault.Kind != CheckpointForged {
		t.Errorf("the signatures that change places: %+v, %v", r.Fault, err)
	}
}
