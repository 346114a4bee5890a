package mysqltext

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Statements of one line have one fingerprint, and those of different lines different ones.
func TestFingerprint(t *testing.T) {
	c := NewCache()
	seen := make(map[string]string)
	for _, same := range [][]string{
		{"select a from t where b = 1", "SELECT a  FROM t WHERE b=2", "select a from t where b = 'x';", "select a from t where b = -5", "select a from t where b = ?",
			"select /* x */ a from t -- y\n where b = \"z\"", "select a from t where b = 0x41", "select a from t where b = _utf8'x'", "select a from t where b = 'x' 'y'",
			"select a from t where b = 1e5", "Select A From T Where B = b'1'", "select a from t where b = +.5", "/*! select a */ from t where b = 1", "select a from t where b = N'x'"},
		{"select a from t where b = 1 - 1", "select a from t where b = 1-1"}, {"select a from t where b = c", "select a from t where b=c"},
		{"select a from t where b in (1)", "select a from t where b in (1, 2, 3)", "select a from t where b in ('x', ?)"},
		{"insert into t values (1, 'a')", "insert into t values (1, 'a'), (2, null)", "insert into t values (default, 0x01), (?, ?), (-1, true)"},
		{"insert into t values (1)"}, {"insert into t values (now())", "insert into t values (now()), (now())"},
		{"select a from `T`", "select a from `t`"}, {"select a.`b` from a", "select a . b from a", "SELECT A.B FROM a"}, {"select @a", "select @A"}, {"select @@a"},
		{"select a-- b\n", "select a"}, {"select a--b"},
	} {
		first := c.Facts([]byte(same[0])).Fingerprint
		if was, known := seen[first]; known {
			t.Errorf("%q and %q have the same fingerprint", was, same[0])
		}
		seen[first] = same[0]
		for _, sql := range same[1:] {
			if got := c.Facts([]byte(sql)).Fingerprint; got != first {
				t.Errorf("%q: %s, and %q: %s", same[0], first, sql, got)
			}
		}
	}
	if got, want := c.Facts([]byte("select a from t where b = 1")).Fingerprint, "4b124bda1d9aec6c"; got != want {
		t.Errorf("the fingerprint was %s once, and is %s", want, got)
	}
}

// However a statement's tokens are written, they have one fingerprint and one set of facts.
func TestFingerprintProperty(t *testing.T) {
	c := NewCache()
	rapid.Check(t, func(t *rapid.T) {
		tokens := rapid.SampledFrom([][]string{
			{"select", "a", ",", "count", "(*)", "from", "`d`", ".", "t", "where", "b", "=", "#", "and", "c", "in", "(", "#", ")", "limit", "5"},
			{"insert", "into", "t", "(", "a", ",", "b", ")", "values", "(", "#", ",", "#", ")"},
			{"update", "t", "set", "a", "=", "#", "where", "b", "<=>", "#", "or", "c", "like", "#"},
			{"delete", "from", "d", ".", "t", "where", "a", "between", "#", "and", "#"},
		}).Draw(t, "tokens")
		write := func(name string) string {
			var b strings.Builder
			for i, token := range tokens {
				switch {
				case token == "#":
					token = rapid.SampledFrom([]string{"1", "'x'", "'it''s'", "-7", "1.5e3", "x'41'", "0b1", "_latin1 'y'", "'a' 'b'", "'\\n'"}).Draw(t, name)
				case len(token) > 1 && rapid.Bool().Draw(t, name):
					token = strings.ToUpper(token)
				}
				if token == "`D`" {
					token = "`d`"
				}
				if i > 0 && token != "(*)" && token != "." && tokens[i-1] != "." {
					b.WriteString(rapid.SampledFrom([]string{" ", "\t\n", " /* x */ ", " -- y\n", "/*!*/ ", " # z\n"}).Draw(t, name))
				}
				b.WriteString(token)
			}
			return b.String()
		}
		one, other := write("one"), write("other")
		a, b := c.Facts([]byte(one)), c.Facts([]byte(other))
		if a.Fingerprint != b.Fingerprint {
			t.Fatalf("%q and %q differ", one, other)
		}
		if !a.Understood || !strings.EqualFold(strings.Join(a.Columns, " "), strings.Join(b.Columns, " ")) || len(a.Groups) != len(b.Groups) {
			t.Fatalf("%q: %+v\n%q: %+v", one, a, other, b)
		}
	})
}

func FuzzFacts(f *testing.F) {
	for _, x := range tricks() {
		f.Add(strings.Join(x.send, ";"))
	}
	for _, sql := range append(append([]string{}, leaks...), credentialLeaks...) {
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
		if !facts.Parsed && (facts.Understood || !facts.Opaque && facts.Fingerprint == "") {
			t.Fatalf("not parsed, and %+v", facts)
		}
		if again := c.Facts([]byte(sql)); len(sql) < maxRead && again.Fingerprint != facts.Fingerprint {
			t.Fatalf("fingerprints %s and %s", facts.Fingerprint, again.Fingerprint)
		}
		for _, s := range Credentials([]byte(sql)) {
			if s.Start < 0 || s.End > len(sql) || s.Start >= s.End {
				t.Fatalf("credential %+v", s)
			}
		}
		for _, place := range Comments([]byte(sql)) {
			if place[0] >= place[1] || place[1] > len(sql) {
				t.Fatalf("comment %v", place)
			}
		}
		if kill, ok := Kill([]byte(sql)); ok && (kill.Start >= kill.End || c.Class([]byte(sql)) != admin) {
			t.Fatalf("kill %+v", kill)
		}
	})
}

// A statement built to exhaust whoever reads it must cost little, and never the process.
func TestHostile(t *testing.T) {
	many := func(s string) string { return strings.Repeat(s, maxShape/len(s)/2) }
	for _, sql := range []string{many("("), "select " + many("(") + "1" + many(")"), "select " + many("- ") + "a", "select " + many("a+") + "1",
		many("select ("), "select " + many("not ") + "a", "select case " + many("when a then case "), many("explain ") + "select 1", many("with x as ("),
		"select 1 from " + many("a join ") + "a", "select 1 from " + many("a,") + "b where " + many("c and ") + "d", many("select a from ("),
		many("select 1 union ") + "select 1", "select " + many("(select 1),") + "1", "with " + many("x as (select 1),") + " x as (select 1) select 1",
		"select f(" + many("f("), many("/*! "), many("/*"), many("'"), many("`"), many("@"), "insert into t values " + many("(a),") + "(1)", many("select 1;"),
		"select " + many("!") + "a", "select " + many("~") + "a", "select a " + many("or a "), "select " + many("a.") + "b", "select a" + many(" collate x"),
		"select " + many("binary ") + "a", "delete from t where " + many("not ") + "a", "delete from t where " + many("a = 1 or ") + "1 = 1", "select " + many("a,") + "a from t",
		"select * from " + many("a natural join ") + "a", "update t set " + many("a=1,") + "b=2", "select 1" + many(" union all select a from t")} {
		NewCache().Facts([]byte(sql))
		Class([]byte(sql))
		Credentials([]byte(sql))
	}
}

func TestWarmFactsAllocateNothing(t *testing.T) {
	c := NewCache()
	text := []byte("SELECT name, email FROM customers c JOIN orders o ON o.c = c.id WHERE c.id IN (1, 2, 3) AND o.note = 'x' LIMIT 10")
	var s shaper // and none of a pool's, which the race detector empties
	read := func() { s.read(ModeUnknown, text, false); c.facts(&s); Class(text); MayHoldCredential(text) }
	read()
	if n := testing.AllocsPerRun(100, read); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFacts(b *testing.B) {
	for name, sql := range map[string]string{
		"point":  "SELECT c FROM sbtest1 WHERE id=4711",
		"update": "UPDATE sbtest1 SET k=k+1 WHERE id=4711",
		"insert": "INSERT INTO sbtest1 (id, k, c, pad) VALUES (1, 2, '83868641912-28773972837', '67847967377-48000963322')",
		"report": "SELECT c.name, sum(o.total) AS total FROM customers c JOIN orders o ON o.customer_id = c.id " +
			"WHERE c.email LIKE 'a%' AND o.created > now() - interval 1 day GROUP BY c.name ORDER BY total DESC LIMIT 10",
	} {
		text := []byte(sql)
		b.Run(name+"/warm", func(b *testing.B) {
			c := NewCache()
			b.ReportAllocs()
			for b.Loop() {
				c.Facts(text)
			}
		})
		b.Run(name+"/class", func(b *testing.B) {
			c := NewCache()
			b.ReportAllocs()
			for b.Loop() {
				c.Class(text)
			}
		})
		b.Run(name+"/cold", func(b *testing.B) {
			var s shaper
			var p parsers
			b.ReportAllocs()
			for b.Loop() {
				s.read(ModeUnknown, text, false)
				p.facts(s.shape, s.slots)
			}
		})
	}
}
