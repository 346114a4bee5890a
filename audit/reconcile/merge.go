package reconcile

import (
	"container/heap"
	"errors"
	"fmt"
	"io"
	"time"
)

// merged reads several files of one log as one, by time. A file is open only while its turn lasts, so that thousands of
// rotated files take no more memory than those that overlap.
type merged struct {
	waiting []*logFile // not opened yet, by their first line's time
	open    heads
	zone    *time.Location

	lines, bytes, unreadable int64
	first, last              time.Time // of the lines read so far
}

// opened is a file and its next line.
type opened struct {
	file *logFile
	line Line
}

// heads is a heap of files by their next line's time.
type heads []opened

func (h heads) Len() int           { return len(h) }
func (h heads) Less(i, j int) bool { return h[i].line.Time.Before(h[j].line.Time) }
func (h heads) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *heads) Push(x any)        { *h = append(*h, x.(opened)) }
func (h *heads) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

func newMerged(files []*logFile, zone *time.Location) *merged {
	return &merged{waiting: files, zone: zone}
}

func (m *merged) next() (Line, error) {
	for len(m.waiting) > 0 && (len(m.open) == 0 || !m.waiting[0].first.After(m.open[0].line.Time)) {
		if err := m.openNext(); err != nil {
			return Line{}, err
		}
	}
	if len(m.open) == 0 {
		return Line{}, io.EOF
	}
	head := &m.open[0]
	line := head.line
	next, err := head.file.lines.next()
	switch {
	case errors.Is(err, io.EOF):
		if err := m.finish(heap.Pop(&m.open).(opened).file); err != nil {
			return Line{}, err
		}
	case err != nil:
		return Line{}, fmt.Errorf("read server log %s: %w", head.file.path, err)
	default:
		head.line = next
		heap.Fix(&m.open, 0)
	}
	m.lines++
	if m.first.IsZero() {
		m.first = line.Time
	}
	if line.Time.After(m.last) {
		m.last = line.Time
	}
	return line, nil
}

func (m *merged) openNext() error {
	known := m.waiting[0]
	m.waiting = m.waiting[1:]
	file, err := openLog(known.path, known.format, m.zone)
	if err != nil {
		return err
	}
	line, err := file.lines.next()
	if errors.Is(err, io.EOF) {
		return m.finish(file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("read server log %s: %w", file.path, err), file.close())
	}
	heap.Push(&m.open, opened{file, line})
	return nil
}

func (m *merged) finish(file *logFile) error {
	m.bytes += file.bytes.n
	m.unreadable += file.unreadable()
	if err := file.close(); err != nil {
		return fmt.Errorf("close server log: %w", err)
	}
	return nil
}

func (m *merged) close() error {
	var err error
	for _, o := range m.open {
		err = errors.Join(err, o.file.close())
	}
	m.open = nil
	return err
}
