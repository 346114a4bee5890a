package generate

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/audit"
)

// template is a statement of an application: its text with a ? for each value.
type template struct {
	text        string
	values      []valueKind
	inline      bool // the values stand in the text
	verb        string
	class       string
	tables      []string
	columns     []string
	fingerprint string
	prepared    string
}

type valueKind uint8

const (
	valueUUID valueKind = iota
	valueNumber
	valueEmail
	valueDate
	valueWord
	valueKinds
)

var (
	tableNames = []string{"customers", "orders", "order_items", "payments", "refunds", "invoices", "shipments", "addresses",
		"sessions", "products", "prices", "stock_levels", "events", "notifications", "audit_entries", "coupons", "tickets",
		"messages", "accounts", "transfers"}
	columnNames = []string{"id", "customer_id", "order_id", "status", "email", "created_at", "updated_at", "total_cents",
		"currency", "quantity", "sku", "country", "name", "phone", "note", "kind", "amount", "reference", "expires_at",
		"assignee"}
	words = []string{"pending", "shipped", "cancelled", "EUR", "USD", "express", "standard", "open", "closed", "gift",
		"returned", "blocked", "trial", "annual", "monthly", "urgent"}
)

func newTemplate(r *rand.Rand, i int) template {
	table, joined := tableNames[i%len(tableNames)], tableNames[r.IntN(len(tableNames))]
	t := template{inline: r.IntN(10) < 4, tables: []string{"public." + table}}
	for _, c := range r.Perm(len(columnNames))[:3+r.IntN(6)] {
		t.columns = append(t.columns, columnNames[c])
	}
	conditions := make([]string, 0, 3)
	for _, c := range t.columns[:1+r.IntN(3)] {
		conditions = append(conditions, c+" = ?")
	}
	list, where := strings.Join(t.columns, ", "), strings.Join(conditions, " AND ")
	switch i % 8 {
	case 0:
		t.verb, t.class = "UPDATE", "write"
		t.text = fmt.Sprintf("UPDATE %s SET %s = ?, updated_at = now() WHERE %s", table, t.columns[0], where)
	case 1:
		t.verb, t.class = "INSERT 0", "write"
		t.text = fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) RETURNING id", table, list,
			strings.TrimSuffix(strings.Repeat("?, ", len(t.columns)), ", "))
	case 2, 3:
		t.verb, t.class = "SELECT", "read"
		t.tables = append(t.tables, "public."+joined)
		t.text = fmt.Sprintf("SELECT a.%s, b.id FROM %s AS a LEFT JOIN %s AS b ON b.id = a.%s WHERE a.%s ORDER BY a.created_at DESC LIMIT 50",
			strings.Join(t.columns, ", a."), table, joined, t.columns[0], where)
	default:
		t.verb, t.class = "SELECT", "read"
		t.text = fmt.Sprintf("SELECT %s FROM %s WHERE %s", list, table, where)
	}
	for range strings.Count(t.text, "?") {
		t.values = append(t.values, valueKind(r.IntN(int(valueKinds))))
	}
	t.fingerprint = fmt.Sprintf("%016x", r.Uint64())
	if !t.inline && r.IntN(2) == 0 {
		t.prepared = fmt.Sprintf("stmtcache_%x", r.Uint32())
	}
	return t
}

// fill gives an event the template's statement with values of its own.
func (t *template) fill(r *rand.Rand, e *audit.Event) {
	e.Class, e.Fingerprint, e.Tables, e.Columns, e.Prepared = t.class, t.fingerprint, t.tables, t.columns, t.prepared
	e.Command = "execute"
	if t.inline {
		e.Command = "query"
	}
	text := make([]byte, 0, len(t.text)+40*len(t.values))
	n := 0
	for i := range len(t.text) {
		if t.text[i] != '?' {
			text = append(text, t.text[i])
			continue
		}
		kind := t.values[n]
		n++
		if t.inline {
			text = appendLiteral(text, kind, r)
			continue
		}
		text = strconv.AppendInt(append(text, '$'), int64(n), 10)
		e.Params = append(e.Params, audit.Param{Value: appendValue(nil, kind, r)})
	}
	e.Statement = audit.Text{Bytes: text}
}

func appendLiteral(dst []byte, kind valueKind, r *rand.Rand) []byte {
	if kind == valueNumber {
		return appendValue(dst, kind, r)
	}
	return append(appendValue(append(dst, '\''), kind, r), '\'')
}

func appendValue(dst []byte, kind valueKind, r *rand.Rand) []byte {
	switch kind {
	case valueUUID:
		var raw [16]byte
		binary.BigEndian.PutUint64(raw[:8], r.Uint64()&^0xf000|0x4000)
		binary.BigEndian.PutUint64(raw[8:], r.Uint64()>>2|1<<63)
		return append(dst, uuidText(raw)...)
	case valueNumber:
		return strconv.AppendInt(dst, int64(r.ExpFloat64()*200_000), 10)
	case valueEmail:
		return fmt.Appendf(dst, "%s%d@%s.example", firstNames[r.IntN(len(firstNames))], r.IntN(1_000_000), lastNames[r.IntN(len(lastNames))])
	case valueDate:
		return fmt.Appendf(dst, "2026-%02d-%02d", 1+r.IntN(12), 1+r.IntN(28))
	}
	return append(dst, words[r.IntN(len(words))]...)
}

// fail makes the result one of a statement that failed.
func (t *template) fail(r *rand.Rand, result *audit.Event) {
	failures := []struct{ code, message string }{
		{"23505", `duplicate key value violates unique constraint "customers_email_key"`},
		{"42P01", `relation "` + t.tables[0] + `_old" does not exist`},
		{"57014", "canceling statement due to statement timeout"},
		{"40001", "could not serialize access due to concurrent update"},
	}
	f := failures[r.IntN(len(failures))]
	result.Tag, result.Rows, result.ErrorCode, result.ErrorMessage = "", 0, f.code, f.message
}
