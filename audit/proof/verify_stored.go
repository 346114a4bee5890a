package proof

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"golang.org/x/mod/sumdb/tlog"
)

// storedLeaves reads the stored leaf hashes in order.
type storedLeaves struct {
	files fs.FS
	f     fs.File
	r     *bufio.Reader
	name  string
	next  uint64
}

// at returns the stored hash of record seq, which must not come before the last one that was asked for.
func (s *storedLeaves) at(seq uint64) (h tlog.Hash, err error) {
	if s.f == nil || seq != s.next {
		if err := s.seek(seq); err != nil {
			return h, err
		}
	}
	if err := s.read(&h, seq); err != nil {
		return h, err
	}
	s.next = seq + 1
	return h, nil
}

// root returns the stored root of the block whose last hash was read, and leaves its file.
func (s *storedLeaves) root() (h tlog.Hash, err error) {
	if err := s.read(&h, s.next-1); err != nil {
		return h, err
	}
	if _, err := s.r.ReadByte(); !errors.Is(err, io.EOF) {
		return h, s.fault(s.next-1, "the file of stored hashes is longer than it was written")
	}
	return h, s.close()
}

func (s *storedLeaves) read(h *tlog.Hash, seq uint64) error {
	_, err := io.ReadFull(s.r, h[:])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return s.fault(seq, "the file of stored hashes is shorter than it was written")
	}
	if err != nil {
		return fmt.Errorf("read hashes: %w", err)
	}
	return nil
}

func (s *storedLeaves) seek(seq uint64) error {
	if err := s.close(); err != nil {
		return err
	}
	s.name = path.Join(Dir, hashesDir, numberedName(seq>>blockLevel<<blockLevel, hashesSuffix))
	f, err := s.files.Open(s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return s.fault(seq, "the file of stored hashes is missing; the server writes it again when it starts")
	}
	if err != nil {
		return fmt.Errorf("read hashes: %w", err)
	}
	s.f = f
	if s.r == nil {
		s.r = bufio.NewReaderSize(f, 64<<10)
	}
	s.r.Reset(f)
	if _, err := s.r.Discard(int(seq%blockSize) * tlog.HashSize); err != nil {
		return s.fault(seq, "the file of stored hashes is shorter than it was written")
	}
	return nil
}

func (s *storedLeaves) fault(seq uint64, detail string) *Fault {
	return &Fault{Kind: HashesDamaged, Seq: seq, Path: s.name, Offset: int64(seq%blockSize) * tlog.HashSize, Detail: detail}
}

func (s *storedLeaves) close() error {
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	s.f = nil
	return err
}
