package export

import (
	"bufio"
	"encoding/json"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// sheet writes CSV (RFC 4180). A spreadsheet takes a cell that begins with =, +, -, @, a tab or a line's end for a
// formula, and what people send to a database may begin so. Therefore a text that begins with one of these, or with an
// apostrophe, gets an apostrophe before it: to read the text itself, take one apostrophe off its beginning. Texts are
// always in quotes, so that a comma or a semicolon in them begins no cell. Lists are JSON.
type sheet struct {
	out    *bufio.Writer
	buf    []byte
	headed bool
}

func newSheet(w io.Writer) *sheet { return &sheet{out: bufio.NewWriterSize(w, bufferBytes)} }

// columns are the names of a row's fields.
func columns() []string {
	t := reflect.TypeFor[row]()
	names := make([]string, t.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(t.Field(i).Tag.Get("parquet"), ",")
	}
	return names
}

func (s *sheet) head() error {
	if s.headed {
		return nil
	}
	s.headed = true
	_, err := s.out.WriteString(strings.Join(columns(), ",") + "\r\n")
	return err
}

func (s *sheet) Write(e *audit.Event) error {
	if err := s.head(); err != nil {
		return err
	}
	r, err := rowOf(e)
	if err != nil {
		return err
	}
	s.buf = s.buf[:0]
	v := reflect.ValueOf(r)
	for i := range v.NumField() {
		if i > 0 {
			s.buf = append(s.buf, ',')
		}
		if s.buf, err = appendCell(s.buf, v.Field(i).Interface()); err != nil {
			return err
		}
	}
	s.buf = append(s.buf, "\r\n"...)
	_, err = s.out.Write(s.buf)
	return err
}

func (s *sheet) Flush() error { return s.out.Flush() }

func (s *sheet) Close() error {
	if err := s.head(); err != nil {
		return err
	}
	return s.out.Flush()
}

func appendCell(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case uint64:
		return strconv.AppendUint(b, v, 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case time.Time:
		return v.AppendFormat(b, audit.TimeFormat), nil
	case []string:
		if len(v) == 0 {
			return b, nil
		}
		list, err := json.Marshal(v)
		return appendQuoted(b, string(list)), err
	case string:
		return appendText(b, v), nil
	}
	panic("export: a column of a kind that no cell has")
}

func appendText(b []byte, s string) []byte {
	if s == "" {
		return b
	}
	if strings.IndexByte("=+-@\t\r\n'", s[0]) >= 0 {
		s = "'" + s
	}
	return appendQuoted(b, s)
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(s, `"`, `""`)...)
	return append(b, '"')
}
