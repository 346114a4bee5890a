package proof

import (
	"archive/tar"
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func tarOf(t testing.TB, dir, prefix string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content := readFile(t, name)
		if err := w.WriteHeader(&tar.Header{Name: prefix + rel(t, dir, name), Size: int64(len(content)), Mode: 0o600}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestArchives(t *testing.T) {
	s := newServer(t).grow()
	want := sound(t, s.dir, VerifyOptions{})
	dir := t.TempDir()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, prefix := range []string{"", "./", "backup/journal/"} {
		plain := tarOf(t, s.dir, prefix)
		for name, content := range map[string][]byte{"a.tar": plain, "a.tar.zst": z.EncodeAll(plain, nil)} {
			path := filepath.Join(dir, name)
			writeFile(t, path, content)
			temp := t.TempDir()
			got := sound(t, path, VerifyOptions{TempDir: temp})
			if got.Records != want.Records || got.SideFiles != want.SideFiles || got.Checkpoints != want.Checkpoints || got.Bytes != want.Bytes {
				t.Errorf("%s: %+v", name, got)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
			// Cut or changed, it is a fault or an error.
			content[len(content)/2] ^= 1
			writeFile(t, path, content)
			if r, err := Verify(t.Context(), path, VerifyOptions{TempDir: temp}); err == nil && r.Fault == nil {
				t.Logf("%s: a byte between two files was changed", name)
			}
			writeFile(t, path, content[:len(content)/2])
			if r, err := Verify(t.Context(), path, VerifyOptions{TempDir: temp}); err == nil && r.Fault == nil {
				t.Errorf("%s: a half archive verifies", name)
			}
		}
	}
	empty := filepath.Join(dir, "empty")
	writeFile(t, empty, nil)
	for _, name := range []string{empty, filepath.Join(dir, "missing"), t.TempDir()} {
		if _, err := Verify(t.Context(), name, VerifyOptions{}); err == nil {
			t.Errorf("%s verifies", name)
		}
	}
}

// A live journal verifies at any moment.
func TestVerifyLive(t *testing.T) {
	s := newServer(t)
	s.segment = 20000
	s.start()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; i < 100 && ctx.Err() == nil; i++ {
			s.statements(10)
			if s.log.AwaitSigned(ctx, s.journal.Written()-1) != nil {
				return
			}
		}
	}()
	if err := s.log.AwaitSigned(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if i == 5 {
			if _, _, err := s.log.Rotate(t.Context(), statementScope()); err != nil {
				t.Error(err)
			}
		}
		if r, err := Verify(t.Context(), s.dir, VerifyOptions{}); err != nil || r.Fault != nil {
			t.Errorf("%v, %v", err, r.Fault)
			break
		}
	}
	cancel()
	<-done
	s.stop()
	sound(t, s.dir, VerifyOptions{})
}
