package proof

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// forged gives a line its right checksum, as somebody would who means it.
func forged(body string) string {
	return fmt.Sprintf("%08x %s\n", crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli)), body)
}

// linesOf are a segment's lines, with their newlines; the first is the header.
func linesOf(t testing.TB, name string) []string {
	t.Helper()
	return strings.SplitAfter(strings.TrimSuffix(string(readFile(t, name)), "\n"), "\n")
}

// edit changes a segment's lines.
func edit(t testing.TB, name string, change func([]string) []string) {
	t.Helper()
	lines := linesOf(t, name)
	lines[len(lines)-1] += "\n"
	writeFile(t, name, []byte(strings.Join(change(lines), "")))
}

func seqOfLine(t testing.TB, line string) uint64 {
	t.Helper()
	var seq uint64
	if _, err := fmt.Sscanf(line[9:], `{"seq":%d,`, &seq); err != nil {
		t.Fatal(err)
	}
	return seq
}

// damaged is a copy of a log in which one thing is wrong.
type damaged struct {
	t        testing.TB
	dir      string
	segments []string
	at       uint64 // the record that was touched
}

// touch changes the k-th record of the second segment.
func (d *damaged) touch(k int, change func(lines []string, i int) []string) {
	edit(d.t, d.segments[1], func(lines []string) []string {
		d.at = seqOfLine(d.t, lines[k])
		return change(lines, k)
	})
}

func (d *damaged) overwrite(name string, change func([]byte) []byte) {
	d.t.Helper()
	name = filepath.Join(d.dir, name)
	writeFile(d.t, name, change(readFile(d.t, name)))
}

func (d *damaged) remove(name string) {
	d.t.Helper()
	if err := os.Remove(name); err != nil {
		d.t.Fatal(err)
	}
}

func (d *damaged) storeHash(seq uint64, record string) {
	d.overwrite(fmt.Sprintf("proof/hashes/%020d.hashes", 0), func(b []byte) []byte {
		h := tlog.RecordHash([]byte(record))
		copy(b[seq*32:], h[:])
		return b
	})
}

func TestFaults(t *testing.T) {
	s := newServer(t).grow()
	key := strings.TrimSpace(string(readFile(t, filepath.Join(s.dir, Dir, keyFile))))
	for _, c := range []struct {
		name   string
		kind   FaultKind
		damage func(d *damaged)
	}{
		{"a bit is flipped", RecordDamaged, func(d *damaged) {
			d.touch(2, func(l []string, i int) []string { l[i] = strings.Replace(l[i], `"type"`, `"tyqe"`, 1); return l })
		}},
		{"a checksum is flipped", RecordDamaged, func(d *damaged) {
			d.touch(2, func(l []string, i int) []string { l[i] = "00000000" + l[i][8:]; return l })
		}},
		{"a record is changed, with a right checksum", RecordChanged, func(d *damaged) {
			d.touch(1, func(l []string, i int) []string {
				l[i] = forged(strings.Replace(strings.TrimSuffix(l[i][9:], "\n"), `"gateway"`, `"gatewaz"`, 1))
				return l
			})
		}},
		{"a record is changed, with its checksum and its stored hash", RootMismatch, func(d *damaged) {
			d.touch(1, func(l []string, i int) []string {
				body := strings.Replace(strings.TrimSuffix(l[i][9:], "\n"), `"gateway"`, `"gatewaz"`, 1)
				l[i] = forged(body)
				d.storeHash(d.at, body)
				return l
			})
		}},
		{"a record is removed", RecordRemoved, func(d *damaged) {
			d.touch(2, func(l []string, i int) []string { return append(l[:i:i], l[i+1:]...) })
		}},
		{"a record is removed, the later ones are numbered anew", RecordChanged, func(d *damaged) {
			d.touch(2, func(l []string, i int) []string {
				l = append(l[:i:i], l[i+1:]...)
				for k := i; k < len(l); k++ {
					seq := seqOfLine(t, l[k])
					l[k] = forged(strings.Replace(strings.TrimSuffix(l[k][9:], "\n"), fmt.Sprintf(`"seq":%d,`, seq), fmt.Sprintf(`"seq":%d,`, seq-1), 1))
				}
				return l
			})
		}},
		{"a record is inserted", RecordInserted, func(d *damaged) {
			d.touch(2, func(l []string, i int) []string {
				d.at++
				return append(append(append([]string{}, l[:i+1]...), l[i]), l[i+1:]...)
			})
		}},
		{"a record is inserted in the place of another", RecordChanged, func(d *damaged) {
			d.touch(2, func(l []string, i int) []string {
				l[i] = forged(fmt.Sprintf(`{"seq":%d,"id":"x","time":"2026-11-23T10:00:00.000000Z","type":"statement"}`, d.at))
				return l
			})
		}},
		{"two records are swapped", RecordReordered, func(d *damaged) {
			d.touch(2, func(l []string, i int) []string { l[i], l[i+1] = l[i+1], l[i]; return l })
		}},
		{"a record is cut in the middle of the journal", RecordDamaged, func(d *damaged) {
			d.touch(2, func(l []string, i int) []string { l[i] = l[i][:30] + "\n"; return l })
		}},
		{"a segment ends within a record", RecordTruncated, func(d *damaged) {
			edit(t, d.segments[1], func(l []string) []string {
				last := len(l) - 1
				d.at = seqOfLine(t, l[last])
				l[last] = l[last][:len(l[last])-5]
				return l
			})
		}},
		{"a segment ends early", SegmentMissing, func(d *damaged) {
			edit(t, d.segments[1], func(l []string) []string {
				d.at = seqOfLine(t, l[len(l)-2])
				return l[:len(l)-2]
			})
		}},
		{"a segment is missing", SegmentMissing, func(d *damaged) {
			d.at = seqOfLine(t, linesOf(t, d.segments[1])[1])
			d.remove(d.segments[1])
		}},
		{"the first segment is missing", SegmentMissing, func(d *damaged) { d.remove(d.segments[0]) }},
		{"the last segment is missing", JournalShort, func(d *damaged) {
			last := d.segments[len(d.segments)-1]
			d.at = seqOfLine(t, linesOf(t, last)[1])
			d.remove(last)
		}},
		{"the last record is missing", JournalShort, func(d *damaged) {
			edit(t, d.segments[len(d.segments)-1], func(l []string) []string {
				d.at = seqOfLine(t, l[len(l)-1])
				return l[:len(l)-1]
			})
		}},
		{"the last record is cut", RecordTruncated, func(d *damaged) {
			edit(t, d.segments[len(d.segments)-1], func(l []string) []string {
				last := len(l) - 1
				d.at = seqOfLine(t, l[last])
				l[last] = l[last][:40]
				return l
			})
		}},
		{"two segments change places", SegmentDamaged, func(d *damaged) {
			a, b := readFile(t, d.segments[1]), readFile(t, d.segments[2])
			d.at = seqOfLine(t, linesOf(t, d.segments[1])[1])
			writeFile(t, d.segments[1], b)
			writeFile(t, d.segments[2], a)
		}},
		{"a header names another predecessor", SegmentDamaged, func(d *damaged) {
			d.touch(1, func(l []string, _ int) []string {
				at := strings.Index(l[0], `"prev":"`) + 8
				l[0] = forged(strings.TrimSuffix(l[0][9:at]+strings.Repeat("0", 64)+l[0][at+64:], "\n"))
				return l
			})
		}},
		{"a header names another gateway", SegmentDamaged, func(d *damaged) {
			d.touch(1, func(l []string, _ int) []string {
				l[0] = forged(strings.Replace(strings.TrimSuffix(l[0][9:], "\n"), "gw-1", "gw-2", 1))
				return l
			})
		}},
		{"a checkpoint is forged", CheckpointForged, func(d *damaged) {
			d.overwrite(rel(t, d.dir, filesOf(t, d.dir, "proof/checkpoints/*")[1]), func(b []byte) []byte {
				i := bytes.Index(b, []byte("\nsallyport/gw-1\n")) + 16
				d.at = 0
				return append(append(bytes.Clone(b[:i]), '9'), b[i+1:]...)
			})
		}},
		{"the newest checkpoint is signed by a stranger", CheckpointForged, func(d *damaged) {
			_, _, pair := newTestKey(t)
			d.overwrite("proof/checkpoint", func(b []byte) []byte {
				signer, err := note.NewSigner(pair.Private)
				if err != nil {
					t.Fatal(err)
				}
				text, _, _ := strings.Cut(string(b), "\n\n")
				signed, err := note.Sign(&note.Note{Text: text + "\n"}, signer)
				if err != nil {
					t.Fatal(err)
				}
				return signed
			})
		}},
		{"the newest checkpoint is missing", CheckpointMissing, func(d *damaged) { d.remove(filepath.Join(d.dir, Dir, latestFile)) }},
		{"a file of checkpoints is missing", CheckpointMissing, func(d *damaged) { d.remove(filesOf(t, d.dir, "proof/checkpoints/*")[1]) }},
		{"the first file of checkpoints is missing", CheckpointMissing, func(d *damaged) { d.remove(filesOf(t, d.dir, "proof/checkpoints/*")[0]) }},
		{"the last file of checkpoints is missing", CheckpointMissing, func(d *damaged) {
			files := filesOf(t, d.dir, "proof/checkpoints/*")
			d.remove(files[len(files)-1])
		}},
		{"a stored hash is changed", HashesDamaged, func(d *damaged) {
			d.at = 20
			d.overwrite(fmt.Sprintf("proof/hashes/%020d.hashes", 0), func(b []byte) []byte { b[20*32+5] ^= 1; return b })
		}},
		{"stored hashes are missing", HashesDamaged, func(d *damaged) { d.remove(filesOf(t, d.dir, "proof/hashes/*")[0]) }},
		{"a side file is changed", SideFileDamaged, func(d *damaged) {
			d.at = 64
			d.overwrite(rel(t, d.dir, filesOf(t, d.dir, "blobs/*/*")[0]), func(b []byte) []byte { b[0] ^= 1; return b })
		}},
		{"a side file is missing", SideFileMissing, func(d *damaged) { d.at = 64; d.remove(filesOf(t, d.dir, "blobs/*/*")[0]) }},
		{"the keys are missing", KeyFault, func(d *damaged) { d.remove(filepath.Join(d.dir, Dir, keysFile)) }},
		{"the key is another", KeyFault, func(d *damaged) {
			_, other, _ := newTestKey(t)
			d.overwrite("proof/keys.json", func(b []byte) []byte { return bytes.Replace(b, []byte(key), []byte(other), 1) })
		}},
		{"the whole proof is missing", KeyFault, func(d *damaged) {
			if err := os.RemoveAll(filepath.Join(d.dir, Dir)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &damaged{t: t, dir: copyDir(t, s.dir)}
			d.segments = filesOf(t, d.dir, "*.journal")
			c.damage(d)
			for _, pinned := range []string{"", key} {
				f := verify(t, d.dir, VerifyOptions{Key: pinned}).Fault
				if f == nil {
					t.Fatal("no fault was found")
				}
				exact := f.Before == 0 && f.Seq == d.at || f.Before > 0 && f.Seq <= d.at && d.at < f.Before
				if f.Kind != c.kind || d.at > 0 && !exact {
					t.Fatalf("want %s at record %d; fault: %v", c.kind, d.at, f)
				}
				if testing.Verbose() {
					t.Log(f)
				}
			}
		})
	}
}

func rel(t testing.TB, dir, name string) string {
	t.Helper()
	r, err := filepath.Rel(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Whoever has the signing key can rewrite everything; the witness's checkpoint shows it.
func TestSinceFindsAFork(t *testing.T) {
	s := newServer(t).start().statements(5).signed()
	witnessed := s.log.Checkpoint()
	s.statements(5).signed().stop()
	if r := sound(t, s.dir, VerifyOptions{Since: witnessed}); r.Since != 10 {
		t.Errorf("report: %+v", r)
	}
	sealed := readFile(t, s.key)

	fork := newServer(t)
	fork.sealer = s.sealer
	fork.start().stop()
	for _, name := range []string{keysFile, keyFile} {
		writeFile(t, filepath.Join(fork.dir, Dir, name), readFile(t, filepath.Join(s.dir, Dir, name)))
	}
	writeFile(t, fork.key, sealed)
	fork.start().statements(20).signed().stop()
	sound(t, fork.dir, VerifyOptions{})
	if f := verify(t, fork.dir, VerifyOptions{Since: witnessed}).Fault; f == nil || f.Kind != LogForked {
		t.Errorf("fault: %v", f)
	}
	if f := verify(t, s.dir, VerifyOptions{Since: strings.Replace(witnessed, "\n10\n", "\n11\n", 1)}).Fault; f == nil || f.Kind != LogForked {
		t.Errorf("a forged witness's checkpoint: %v", f)
	}
	// A log that was set back to a time before what the witness holds.
	young := newServer(t)
	young.sealer = s.sealer
	young.start().stop()
	for _, name := range []string{keysFile, keyFile} {
		writeFile(t, filepath.Join(young.dir, Dir, name), readFile(t, filepath.Join(s.dir, Dir, name)))
	}
	writeFile(t, young.key, sealed)
	young.start().statements(2).signed().stop()
	if f := verify(t, young.dir, VerifyOptions{Since: witnessed}).Fault; f == nil || f.Kind != JournalShort {
		t.Errorf("fault: %v", f)
	}
}
