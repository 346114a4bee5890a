package mysql

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/proxy"
)

// query judges and records an SQL text.
func (r *relay) query(body []byte, c framed) error {
	s := proxy.Statement{Command: "query", Text: body}
	if r.capabilities.has(capQueryAttributes) {
		f := fields{b: body}
		var err error
		if s.Params, err = r.params.query(&f); err != nil {
			return err
		}
		s.Text = f.b
	}
	size := len(s.Text)
	running := command{kind: comQuery}
	own, err := r.describe(&s)
	switch {
	case err != nil:
		return r.decline(c, s, err)
	case s.Class == classRead:
	case s.Class == classSession:
		running.database = databaseUsed(s.Text)
	case r.capabilities.has(capLocalFiles):
		running.files = filesNamed(s.Text)
	}
	if err := r.begin(c, running, &s); err != nil || !own {
		return err
	}
	r.replaced = append(append([]byte{comQuery}, body[:len(body)-size]...), s.Text...) // its number is another than the client's
	return nil
}

// The classes of statement that matter here, in audit.Event's words.
const (
	classRead    = "read"
	classWrite   = "write"
	classSession = "session"
	classAdmin   = "admin"
	classOther   = "other"
)

// simple judges the commands that are a word each. The record has them as the SQL that does the same, where there is one, and
// so has policy.
func (r *relay) simple(kind byte, body []byte, c framed) error {
	s := proxy.Statement{}
	running := command{kind: kind}
	f := fields{b: body}
	switch kind {
	case comInitDB:
		s.Command, s.Text, running.database = "init db", []byte("USE "+quotedName(body)), string(body)
		f.b = nil
	case comFieldList:
		s.Command, s.Text = "field list", fieldList(&f)
	case comProcessInfo:
		s.Command, s.Text = "process info", []byte("SHOW PROCESSLIST")
	case comProcessKill:
		return r.kill(body, c)
	case comStatistics:
		s.Command, s.Text = "statistics", []byte("SHOW STATUS")
	case comDebug:
		s.Command, s.Class, s.Text = "debug", classAdmin, []byte("DEBUG")
	case comRefresh:
		s.Command, s.Class, s.Text = "refresh", classAdmin, refreshed(f.uint8())
	case comShutdown:
		s.Command, s.Class, s.Text, f.b = "shutdown", classAdmin, []byte("SHUTDOWN"), nil
	case comSetOption:
		s.Command, s.Class, s.Text, s.Understood = "set option", classSession, setOption(f.uint16()), true
	case comResetConnection:
		s.Command, s.Class, s.Text, s.Understood = "reset connection", classSession, []byte("RESET CONNECTION"), true
	default:
		return r.declineCommand(kind, c)
	}
	if !f.complete() {
		return malformedCommand("it has an invalid length")
	}
	if s.Class == "" {
		r.describeText(&s)
	}
	return r.begin(c, running, &s)
}

// quotedName writes a name as SQL has it.
func quotedName(name []byte) string { return "`" + strings.ReplaceAll(string(name), "`", "``") + "`" }

// fieldList reads a table's name and a pattern of columns.
func fieldList(f *fields) []byte {
	table := f.zeroEnded()
	pattern := f.b
	f.b = nil
	text := "SHOW COLUMNS FROM " + quotedName(table)
	if len(pattern) > 0 {
		text += " LIKE '" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(string(pattern)) + "'"
	}
	return []byte(text)
}

// refreshes are what COM_REFRESH flushes, by bit.
var refreshes = [8]string{"PRIVILEGES", "LOGS", "TABLES", "HOSTS", "STATUS", "THREADS", "SLAVE", "MASTER"}

func refreshed(what byte) []byte {
	var words []string
	for bit, word := range refreshes {
		if what>>bit&1 == 1 {
			words = append(words, word)
		}
	}
	return []byte("FLUSH " + strings.Join(words, ", "))
}

func setOption(option uint16) []byte {
	switch option {
	case 0:
		return []byte("MULTI STATEMENTS ON")
	case 1:
		return []byte("MULTI STATEMENTS OFF")
	}
	return fmt.Appendf(nil, "OPTION %d", option)
}

// describeText gives a statement what its text tells.
func (r *relay) describeText(s *proxy.Statement) {
	f := r.facts.Facts(s.Text)
	s.Class, s.Reader = r.facts.Class(s.Text), r.facts
	s.Tables, s.Columns, s.Fingerprint = f.Tables, f.Columns, f.Fingerprint
	s.Understood, s.WholeTable = f.Understood, f.WholeTable || !f.Parsed && s.Class == classWrite
}

// databaseUsed is the database that a text selects, where it is nothing but USE; empty for others.
func databaseUsed(text []byte) string {
	rest := strings.TrimSpace(string(text))
	if len(rest) < 5 || !strings.EqualFold(rest[:3], "use") || !strings.ContainsAny(rest[3:4], " \t\r\n`") {
		return ""
	}
	name := strings.TrimSpace(strings.TrimRight(strings.TrimSpace(rest[3:]), ";"))
	if len(name) > 2 && name[0] == '`' && name[len(name)-1] == '`' {
		return strings.ReplaceAll(name[1:len(name)-1], "``", "`")
	}
	if strings.ContainsAny(name, " \t\r\n`'\";") {
		return ""
	}
	return name
}
