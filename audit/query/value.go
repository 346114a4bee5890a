package query

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// fieldTerm reads what follows a field's colon. The parser's token is the field's name; the lexer stands at
// the value's first byte.
func (p *parser) fieldTerm() (node, error) {
	name := p.tok
	if name.text == sinceName || name.text == untilName {
		return p.momentTerm(name)
	}
	field, known := fieldOf(name.text)
	switch {
	case !known:
		return nil, syntaxError(name.pos, name.len, unknownField(name.text))
	case field.IsNumber():
		return p.numberTerm(field)
	}
	n := oneOf{field: field}
	for {
		v, err := p.valueOf(name)
		if err != nil {
			return nil, err
		}
		pat, err := patternOf(v)
		if err != nil {
			return nil, err
		}
		n.values = append(n.values, pat)
		if !p.lex.comma() {
			return n, nil
		}
	}
}

// valueOf reads one value and insists that there is one.
func (p *parser) valueOf(field token) (token, error) {
	v, err := p.lex.value()
	if err == nil && v.text == "" {
		err = syntaxError(field.pos, v.pos-field.pos,
			fmt.Sprintf("%s: needs a value right after it, such as %s:%s", field.text, field.text, exampleOf(field.text)))
	}
	return v, err
}

func exampleOf(field string) string {
	switch field {
	case sinceName:
		return "1h"
	case untilName:
		return "2026-11-22"
	}
	f, _ := fieldOf(field)
	switch {
	case f.isTime():
		return ">1s"
	case f.IsNumber():
		return ">1000"
	case f == Done:
		return "false"
	}
	return "* for any"
}

func patternOf(v token) (pattern, error) {
	if v.kind == tokenPhrase {
		return pattern{text: v.text}, nil
	}
	text, starred := strings.CutSuffix(v.text, "*")
	switch {
	case strings.Contains(text, "*"):
		return pattern{}, syntaxError(v.pos, v.len,
			"* stands only at the end of a value; put quotes around a value that has one")
	case text == "":
		return pattern{kind: anyValue}, nil
	case starred:
		return pattern{text: text, kind: prefix}, nil
	}
	return pattern{text: text}, nil
}

// numberTerm reads the comma list of comparisons of a number field.
func (p *parser) numberTerm(field Field) (node, error) {
	name := p.tok
	var terms []node
	for {
		v, err := p.valueOf(name)
		if err != nil {
			return nil, err
		}
		low, high, err := interval(field, v.text)
		if err != nil {
			return nil, syntaxError(v.pos, v.len, err.Error())
		}
		terms = append(terms, compare{field: field, low: low, high: high})
		if !p.lex.comma() {
			break
		}
	}
	if len(terms) == 1 {
		return terms[0], nil
	}
	return or(terms), nil
}

// interval reads one comparison as the numbers it allows, both ends included.
func interval(field Field, text string) (low, high int64, err error) {
	low, high = math.MinInt64, math.MaxInt64
	if text == "*" {
		return low, high, nil
	}
	if from, to, ok := strings.Cut(text, ".."); ok {
		if low, err = number(field, from); err == nil {
			high, err = number(field, to)
		}
		if err == nil && low > high {
			err = fmt.Errorf("%s..%s is empty; write the smaller value first", from, to)
		}
		return low, high, err
	}
	digits := strings.TrimLeft(text, "<>=")
	n, err := number(field, digits)
	if err != nil {
		return 0, 0, err
	}
	switch text[:len(text)-len(digits)] {
	case "", "=":
		return n, n, nil
	case ">":
		return n + 1, high, nil
	case ">=":
		return n, high, nil
	case "<":
		return low, n - 1, nil
	case "<=":
		return low, n, nil
	}
	return 0, 0, fmt.Errorf("compare with one of >, >=, <, <= or a..b")
}

// number reads a count, a size in bytes (10kB is 10 000, 10KiB is 10 240) or a duration in microseconds.
func number(field Field, text string) (int64, error) {
	if field.isTime() {
		d, ok := parseAge(text)
		if !ok {
			return 0, fmt.Errorf("%q is no duration; write 500ms, 1s, 2m or 1h30m", text)
		}
		return d.Microseconds(), nil
	}
	digits := strings.TrimRight(text, "kKMGTiB")
	unit, known := sizeUnit(text[len(digits):])
	if !field.isSize() && len(digits) < len(text) {
		known = false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || !known || n > (math.MaxInt64-1)/unit {
		if field.isSize() {
			return 0, fmt.Errorf("%q is no size; write 100, 10kB, 5MB or 1GiB", text)
		}
		return 0, fmt.Errorf("%q is no count; write a whole number", text)
	}
	return n * unit, nil
}

func sizeUnit(suffix string) (int64, bool) {
	base := int64(1000)
	suffix, binary := strings.CutSuffix(strings.TrimSuffix(suffix, "B"), "i")
	if binary {
		base = 1024
	}
	exponent := strings.Index("kMGT", strings.Replace(suffix, "K", "k", 1)) + 1
	switch {
	case suffix == "":
		return 1, !binary
	case len(suffix) != 1 || exponent == 0:
		return 0, false
	}
	unit := base
	for range exponent - 1 {
		unit *= base
	}
	return unit, true
}

// parseAge reads a duration as Go writes it, and days (d) and weeks (w) besides. It is neither negative nor
// finer than a microsecond.
func parseAge(text string) (time.Duration, bool) {
	var total time.Duration
	for text != "" {
		digits := len(text) - len(strings.TrimLeft(text, "0123456789."))
		rest := strings.TrimLeft(text[digits:], "abcdefghijklmnopqrstuvwxyzµμ")
		unit := text[digits : len(text)-len(rest)]
		part, ok := agePart(text[:digits], unit)
		if !ok || part > math.MaxInt64-total {
			return 0, false
		}
		if total += part; rest == "" {
			return total, total%time.Microsecond == 0
		}
		text = rest
	}
	return 0, false
}

func agePart(digits, unit string) (time.Duration, bool) {
	var days time.Duration
	switch unit {
	case "d":
		days = 1
	case "w":
		days = 7
	default:
		d, err := time.ParseDuration(digits + unit)
		return d, err == nil && digits != "" && unit != ""
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	day := days * 24 * time.Hour
	if err != nil || n > int64(math.MaxInt64/day) {
		return 0, false
	}
	return time.Duration(n) * day, true
}

// momentTerm reads the one value of since or until.
func (p *parser) momentTerm(name token) (node, error) {
	v, err := p.valueOf(name)
	if err != nil {
		return nil, err
	}
	m, err := newMoment(v.text, name.text == untilName)
	if err != nil {
		return nil, syntaxError(v.pos, v.len, err.Error())
	}
	return m, nil
}
