package recording

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Entry is one recording's file.
type Entry struct {
	Statement string
	Time      time.Time // the statement's, to the millisecond
	Path      string
	Size      int64     // bytes
	Changed   time.Time // when its file was
	Growing   bool      // it is being written by this process, or sent to it and not over
}

// List tells of all recordings, oldest day first.
func (s *Store) List() ([]Entry, error) {
	days, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	var all []Entry
	for _, day := range days {
		if _, err := time.Parse(dayFormat, day.Name()); err != nil || !day.IsDir() {
			continue
		}
		entries, err := s.listDay(day.Name())
		if err != nil {
			return nil, fmt.Errorf("list recordings: %w", err)
		}
		all = append(all, entries...)
	}
	return all, nil
}

func (s *Store) listDay(day string) ([]Entry, error) {
	files, err := os.ReadDir(filepath.Join(s.dir, day))
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, file := range files {
		statement, ok := strings.CutSuffix(file.Name(), extension)
		at, err := TimeOf(statement)
		if !ok || err != nil {
			continue
		}
		info, err := file.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, Entry{Statement: statement, Time: at, Path: filepath.Join(s.dir, day, file.Name()), Size: info.Size(),
			Changed: info.ModTime(), Growing: s.growing(statement) != nil})
	}
	return all, nil
}

// Entry tells of the recording of one statement: ErrNotFound when there is none.
func (s *Store) Entry(statement string) (Entry, error) {
	path, err := s.path(statement)
	if err != nil {
		return Entry{}, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, ErrNotFound
	}
	if err != nil {
		return Entry{}, fmt.Errorf("look at recording: %w", err)
	}
	at, err := TimeOf(statement)
	return Entry{Statement: statement, Time: at, Path: path, Size: info.Size(), Changed: info.ModTime(),
		Growing: s.growing(statement) != nil}, err
}
