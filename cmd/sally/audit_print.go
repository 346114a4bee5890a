package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"

	"github.com/sallyport/sallyport/audit"
)

// column is one of a table of events.
type column struct {
	title string
	wide  bool // only in -o wide
	value func(*audit.Event) string
}

const eventTime = "2006-01-02 15:04:05.000Z"

var eventColumns = [...]column{
	{"TIME", false, func(e *audit.Event) string { return e.Time.UTC().Format(eventTime) }},
	{"ID", true, func(e *audit.Event) string { return e.ID }},
	{"SESSION", true, func(e *audit.Event) string { return e.Session }},
	{"USER", false, func(e *audit.Event) string { return e.User }},
	{"CLIENT", true, func(e *audit.Event) string { return e.ClientAddr }},
	{"APPLICATION", true, func(e *audit.Event) string { return e.Application }},
	{"RESOURCE", false, func(e *audit.Event) string { return e.Resource }},
	{"DATABASE", true, func(e *audit.Event) string { return e.Database }},
	{"ACCOUNT", true, func(e *audit.Event) string { return e.Account }},
	{"CLASS", false, eventClass},
	{"ROWS", false, eventRows},
	{"DURATION", false, eventDuration},
	{"ERROR", false, eventError},
	{"STATEMENT", false, eventText},
}

func eventClass(e *audit.Event) string {
	if e.Type == audit.StatementBegin {
		return e.Class
	}
	return string(e.Type)
}

func hasOutcome(e *audit.Event) bool { return e.Done || e.Type == audit.SessionEnd }

func eventRows(e *audit.Event) string {
	if !hasOutcome(e) {
		return ""
	}
	return strconv.FormatInt(e.Rows, 10)
}

func eventDuration(e *audit.Event) string {
	if !hasOutcome(e) {
		return ""
	}
	return shortDuration(time.Duration(e.Duration))
}

// shortDuration leaves out what nobody reads.
func shortDuration(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.String()
}

func eventError(e *audit.Event) string {
	switch {
	case e.ErrorCode != "":
		return e.ErrorCode
	case e.ErrorMessage != "":
		return "error"
	case e.Verdict == audit.Deny:
		return "denied"
	}
	return ""
}

// eventText is the statement, or what an event of another type says.
func eventText(e *audit.Event) string {
	if len(e.Statement.Bytes) > 0 {
		return e.Statement.String()
	}
	return strings.TrimSpace(strings.Join([]string{e.Action, e.Target, e.Reason}, " "))
}

// eventPrinter prints events as they come, in one of the output forms.
type eventPrinter struct {
	out     io.Writer
	json    bool
	columns []column
	widths  []int // of the columns but the last; they only grow
	cut     int   // columns of the terminal; 0: lines are not cut
	printed int
}

func newEventPrinter(output string, out io.Writer) (*eventPrinter, error) {
	p := &eventPrinter{out: out}
	switch output {
	case "json":
		p.json = true
		return p, nil
	case "table":
		p.cut = terminalWidth(out)
	case "wide":
	default:
		return nil, fmt.Errorf("-o %s is not known here; write table, wide or json", output)
	}
	for _, c := range eventColumns {
		if !c.wide || output == "wide" {
			p.columns = append(p.columns, c)
		}
	}
	p.widths = make([]int, len(p.columns))
	return p, nil
}

func terminalWidth(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok {
		return 0
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return w
}

func (p *eventPrinter) print(events []audit.Event) error {
	var b strings.Builder
	if p.json {
		for i := range events {
			b.Write(events[i].AppendJSON(nil))
			b.WriteByte('\n')
		}
	} else {
		p.appendTable(&b, events)
	}
	p.printed += len(events)
	_, err := io.WriteString(p.out, b.String())
	return err
}

func (p *eventPrinter) appendTable(b *strings.Builder, events []audit.Event) {
	var rows [][]string
	if p.printed == 0 && len(events) > 0 {
		titles := make([]string, len(p.columns))
		for i, c := range p.columns {
			titles[i] = c.title
		}
		rows = append(rows, titles)
	}
	for i := range events {
		row := make([]string, len(p.columns))
		for k, c := range p.columns {
			row[k] = oneLine(c.value(&events[i]))
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		for i, cell := range row {
			p.widths[i] = max(p.widths[i], displayWidth(cell))
		}
	}
	for _, row := range rows {
		b.WriteString(p.line(row))
		b.WriteByte('\n')
	}
}

func (p *eventPrinter) line(row []string) string {
	var b strings.Builder
	for i, cell := range row {
		b.WriteString(cell)
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", p.widths[i]-displayWidth(cell)+2))
		}
	}
	line := strings.TrimRight(b.String(), " ")
	if p.cut > 0 {
		line = cutTo(line, p.cut)
	}
	return line
}

// oneLine makes text safe and fit for one line of a terminal: runs of space become one, and what would control the
// terminal or reorder its text is shown as a code.
func oneLine(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		if r == ' ' || r == '\n' || r == '\t' || r == '\r' {
			if !space {
				b.WriteByte(' ')
			}
			space = true
			continue
		}
		space = false
		writeVisible(&b, r)
	}
	return b.String()
}

// visible keeps a text's lines and tabs, and shows other control characters as codes.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '\n' || r == '\t' {
			b.WriteRune(r)
			continue
		}
		writeVisible(&b, r)
	}
	return b.String()
}

func writeVisible(b *strings.Builder, r rune) {
	if unicode.IsPrint(r) {
		b.WriteRune(r)
		return
	}
	b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
}

func runeWidth(r rune) int {
	if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// displayWidth is how many columns of a terminal s takes.
func displayWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// cutTo shortens s to a number of columns, with an ellipsis where something was cut.
func cutTo(s string, columns int) string {
	if displayWidth(s) <= columns {
		return s
	}
	n := 1 // the ellipsis
	for i, r := range s {
		if n += runeWidth(r); n > columns {
			return s[:i] + "…"
		}
	}
	return s
}

// printEvent shows all of an event, a member a line, then its texts.
func printEvent(out io.Writer, e *audit.Event) error {
	var b strings.Builder
	member := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", name, oneLine(value))
		}
	}
	member("id", e.ID)
	member("time", e.Time.UTC().Format(time.RFC3339Nano))
	member("type", string(e.Type))
	printScope(member, e)
	member("command", e.Command)
	member("prepared", e.Prepared)
	member("class", e.Class)
	member("tables", strings.Join(e.Tables, ", "))
	member("columns", strings.Join(e.Columns, ", "))
	member("fingerprint", e.Fingerprint)
	member("redacted", strings.Join(e.Redacted, ", "))
	member("verdict", string(e.Verdict))
	member("policy", e.Policy)
	member("reason", e.Reason)
	printOutcome(member, e)
	if r := e.Recording; r != nil && e.Type == audit.StatementBegin {
		member("recording", fmt.Sprintf("%v, %d bytes; replay it with: sally replay %s", time.Duration(r.Duration).Round(time.Millisecond), r.Size, e.ID))
	}
	member("action", e.Action)
	member("target", e.Target)
	member("before", e.Before)
	member("after", e.After)
	printTexts(&b, e)
	_, err := io.WriteString(out, b.String())
	return err
}

func printScope(member func(name, value string), e *audit.Event) {
	member("gateway", e.Gateway)
	member("sequence", strconv.FormatUint(e.Seq, 10))
	member("session", e.Session)
	member("user", e.User)
	member("groups", strings.Join(e.Groups, ", "))
	member("role", e.Role)
	member("client", e.ClientAddr)
	member("entrance", e.Entrance)
	member("application", e.Application)
	member("resource", e.Resource)
	member("protocol", e.Protocol)
	member("database", e.Database)
	member("account", e.Account)
	member("login", e.Login)
	member("credential", e.Credential)
}

func printOutcome(member func(name, value string), e *audit.Event) {
	if e.Type == audit.StatementBegin && !e.Done {
		member("result", "not known: the statement is running, was refused, or its end was not recorded")
	}
	if !hasOutcome(e) {
		return
	}
	if e.Type == audit.SessionEnd {
		member("statements", strconv.FormatInt(e.Statements, 10))
	}
	member("rows", strconv.FormatInt(e.Rows, 10))
	member("bytes in", strconv.FormatInt(e.BytesIn, 10))
	member("bytes out", strconv.FormatInt(e.BytesOut, 10))
	member("duration", time.Duration(e.Duration).String())
	if e.FirstRow > 0 {
		member("first row", time.Duration(e.FirstRow).String())
	}
	member("tag", e.Tag)
	member("error", strings.TrimSpace(e.ErrorCode+" "+e.ErrorMessage))
}

func printTexts(b *strings.Builder, e *audit.Event) {
	if len(e.Statement.Bytes) > 0 {
		fmt.Fprintf(b, "\n%s\n", visible(e.Statement.String()))
	}
	if f := e.Statement.File; f != nil {
		fmt.Fprintf(b, "(%d bytes in all; the whole is in side file %s)\n", f.Size, f.SHA256)
	}
	for i, p := range e.Params {
		if i == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "$%d = %s\n", i+1, paramText(p))
	}
}

func paramText(p audit.Param) string {
	switch {
	case p.File != nil:
		return fmt.Sprintf("(%d bytes in side file %s)", p.File.Size, p.File.SHA256)
	case p.Form == audit.ParamNull:
		return "NULL"
	case p.Form == audit.ParamHex:
		return `\x` + hex.EncodeToString(p.Value)
	}
	return visible(strconv.Quote(string(p.Value)))
}
