package sqltext

import (
	"strings"
	"testing"
)

func FuzzFacts(f *testing.F) {
	for _, sql := range []string{"select a from t where b = 'x'", "insert into t values (1, 2), (3, 4)", "select ((((1))))",
		"with x as (select 1) select * from x join y using (a)", "merge into t using s on a = b when matched then delete",
		"create table t (a int default 1, b text references c)", "select E'\\'' \n 'x', $a$b$a$, U&'x' uescape '!'",
		"select a from b join c join d on 1 = 2 on 3 = 4", "grant select (a) on b to c", "copy t from stdin where a = 1",
		"select case a when 1 then 2 end, a[1:2], interval '1' day"} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		c := NewCache()
		facts, marks := c.Marks([]byte(sql), nil)
		at := 0
		for _, m := range marks {
			if m.Start < at || m.End <= m.Start || m.End > len(sql) {
				t.Fatalf("mark %+v after %d", m, at)
			}
			at = m.End
			if facts.Parsed && (m.Slot < 0 || m.Slot >= facts.Slots) {
				t.Fatalf("slot %d of %d", m.Slot, facts.Slots)
			}
			Value([]byte(sql[m.Start:m.End]))
		}
		for _, g := range facts.Groups {
			for _, slot := range g.Slots {
				if slot >= facts.Slots {
					t.Fatalf("slot %d of %d", slot, facts.Slots)
				}
			}
		}
		if again := c.Facts([]byte(sql)); len(sql) < maxRead && again.Fingerprint != facts.Fingerprint {
			t.Fatalf("fingerprints %s and %s", facts.Fingerprint, again.Fingerprint)
		}
	})
}

// A statement built to exhaust whoever reads it must cost little, and never the process.
func TestHostile(t *testing.T) {
	many := func(s string) string { return strings.Repeat(s, maxShape/len(s)/2) }
	for _, sql := range []string{many("("), "select " + many("(") + "1" + many(")"), "select " + many("- ") + "1", "select " + many("a+") + "1",
		many("select ("), "select " + many("not "), "select case " + many("when a then case "), many("explain "), many("with x as ("),
		"select 1 from " + many("a join "), "select 1 from " + many("a,") + "b where " + many("c and ") + "d", many("select a from ("),
		"select " + many("a[") + "1" + many("]"), many("union select 1 "), "select 1 " + many("union select 1 "),
		"select " + many("(select 1),") + "1", "select a::" + many("[]"), "with " + many("x as (select 1),") + " x as (select 1) select 1",
		"select f(" + many("f("), "select array[" + many("["), many("prepare x as "), "insert into t values " + many("(1),") + "(1)"} {
		NewCache().Facts([]byte(sql))
	}
}

func BenchmarkFacts(b *testing.B) {
	for name, sql := range map[string]string{
		"point":  "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;",
		"update": "UPDATE pgbench_accounts SET abalance = abalance + -4711 WHERE aid = 4711;",
		"insert": "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 2, 3, 4, CURRENT_TIMESTAMP);",
		"report": "SELECT c.name, sum(o.total) AS total FROM customers c JOIN orders o ON o.customer_id = c.id " +
			"WHERE c.email LIKE 'a%' AND o.created > now() - interval '1 day' GROUP BY c.name ORDER BY total DESC LIMIT 10",
	} {
		text := []byte(sql)
		b.Run(name+"/warm", func(b *testing.B) {
			c := NewCache()
			b.ReportAllocs()
			for b.Loop() {
				c.Facts(text)
			}
		})
		b.Run(name+"/cold", func(b *testing.B) {
			var s shaper
			b.ReportAllocs()
			for b.Loop() {
				s.read(text, false)
				factsOf(s.shape, s.slots)
			}
		})
	}
}
