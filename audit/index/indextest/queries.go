package indextest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
)

var rankedFields = []string{"user", "group", "role", "resource", "protocol", "account", "database", "client", "application",
	"session", "gateway", "entrance", "type", "class", "table", "column", "verdict", "error", "tag", "credential",
	"fingerprint", "action", "target", "command", "prepared", "policy", "reason", "redacted", "done", "recording"}

// queries have each feature of the language, on values that are in the corpus and on some that are not.
var queries = []string{
	"", "user:alice", "user:ALICE@ACME.com", "user:alice@acme.com,etl", "user:al*", "user:*", "-user:*", "user:nobody",
	"user:ärger", "user:ÄRGER@acme.com", "user:Ä*", "user:alice@", "user:alice@*", "user:longname*", "user:" + strings.Repeat("longname", 1000),
	"-user:alice", "not user:alice,etl", "group:dev", "group:ops", `group:"a*b?c\\d"`, "group:ÜB*", "group:" + strings.Repeat("g", 100) + "*",
	"group:*", "role:developer", "role:\ufffd", "role:\xff*", "resource:orders-db", "resource:orders*", `resource:"prod*1"`, "protocol:postgres",
	"account:app", "account:v-app-1", "account:v-*", "database:İstanbul", "database:i*", "client:10.0.0.5", "client:10.0.0.5:4711",
	"client:10.0.0.5*", "client:::1", `client:"[::1]:80"`, "client:fe80::1", "client:fe80*", "application:psql", `application:"my \"tool\""`,
	`application:"nightly, job (x)"`, "application:É*", "application:é*", "application:K*", "application:\u212a*", "-application:*",
	"session:0199b1de-0000-7000-8000-000000000001", "session:0199b1de*", "gateway:gw-1", "-gateway:gw-1", "entrance:tunnel,native",
	"type:statement", "type:session.*", "type:admin", "type:statement.result", "class:write,ddl", "-class:read", "class:*",
	"table:orders", "table:public.orders", "table:PUBLIC.ord*", "table:refunds", "table:t7", "table:wide.t1499", "table:t*", "-table:*",
	"column:email", "column:orders.email", "column:public*", "verdict:deny", "verdict:allow", "-verdict:allow", "verdict:*",
	"error:*", "error:23505", "error:235*", "-error:*", `error:"connection lost, said the store"`, "error:no*", "error:nothing",
	`tag:"SELECT 5"`, "tag:select*", "credential:orders-app", "fingerprint:fp-3", "action:users.*", "target:alice@acme.com", "target:alice",
	"id:of-its-own/making?#%", "id:01*", "param:refund", "param:Grüße", "param:p*", "param:ppp*", `param:"value one"`, "param:*", "-param:*",
	"param:plain", "command:execute", "prepared:S_1", "prepared:s*", "policy:no-ddl", `reason:"the client left"`, "reason:the*",
	"redacted:params", "redacted:*", "done:true", "done:false", "-done:*", "recording:yes", "recording:*", "-recording:yes type:statement", "recording:no",
	"type:recording",
	"rows:0", "rows:>100", "rows:10..20", "rows:*", "-rows:*", "rows:<5,>140", "bytes:>1kB", "bytes:<=1KiB", "bytes_in:>20", "bytes_out:0",
	"duration:>1s", "duration:500ms..2s", "duration:<1ms", "first_row:>1ms", "statements:12", "statements:>=0", "seq:3", "seq:>=10 seq:<20", "-seq:>5",
	"refund", "Refund", "REFUND*", "refund_id", "refund-id", "(refund)", `"(refund)"`, `"efun"`, `"refund_"`, "ref*", "efund", "refunds",
	"select", "sel*", "1", "1*", `"1"`, "x", `"x"`, "xxx*", "tailword", "tail*", "leading", `"  leading"`, `"trailing  "`, "Éclair", "éclair", "ÉCLAIR*",
	`"clair"`, "clair", "übER", "grüße", "GRÜSSE", "日本語の文", "日本*", "refund日", "kelvin", "\u212aelvin", "ſ", "s", "ß", "ss", "İ", "i", "ⅷ", "Ⓐ", "☃", `"☃m"`, "man",
	`"*"`, `"?"`, `"\\"`, `"b\\c"`, `"a*b?c\\d"`, `"/*"`, "--", "-- refund", `not "--"`, "not -1", `"50%"`, `"'"`, `"{\"hex\""`, `",\"user\":\"alice\""`,
	"\ufdd0edge\ufdd0", "edge", `"` + "\ufdd0" + `"`, "\ufffd", `"` + "\ufffd" + `"`, "\xff", "\xffrefund", `"` + "\xfe" + `refund"`, "\xc3", "\"x\x00y\"", "y",
	`"line` + "\n" + `refund"`, "aé", "éa", "é*", "nbsp", "combining", "e\u0301clair", "under_score", "_under*", "_under_score", `"4111 1111 1111 1111"`,
	"hugeend", "middleend", "huge*", `"` + longNeedle + `"`, longNeedle[:40], `"` + longNeedle + longNeedle + `"`, "needle*", "pneedle", "value", `"value ff"`,
	strings.Repeat("x", 300), strings.Repeat("x", 299), strings.Repeat("x", 299) + "*", `"` + strings.Repeat("ab ", 600) + `"`, "small",
	"q", "p299", "www*", "plain", `"plain"`, `"value t"`,
	"refund -user:alice", "(user:alice or user:etl) refund", "user:alice or refund or rows:>100", "-(user:alice or refund)", "-(user:alice refund)",
	"not not refund", "-refund -select", "user:alice,etl class:read,write -error:* rows:>=0", "(-user:* or -verdict:*) type:statement",
	"-(-(-refund))", "refund or -refund", "refund -refund", "(hugeend or user:etl) -rows:0", "-hugeend type:statement", "-param:p* type:statement",
	"-group:g* user:*", "since:48h", "since:1h", "until:1h", "since:48h until:24h", "-since:29h", "since:29h or user:alice", "since:1d refund",
	strings.Repeat("(", 30) + "refund" + strings.Repeat(" or user:etl)", 30), nested(40), strings.Repeat("-user:x ", 600) + "refund",
	"refund or " + strings.TrimSuffix(strings.Repeat("user:y or ", 500), " or "),
}

// nested alternates and and or, which no parser can flatten.
func nested(depth int) string {
	s := "refund"
	for i := range depth {
		if i%2 == 0 {
			s = "(" + s + " or user:etl)"
		} else {
			s = "(" + s + " -class:ddl)"
		}
	}
	return s
}

var terms = []string{"user:alice", "user:al*", "user:*", "-user:etl", "group:dev", "resource:orders*", "class:read", "class:*", "verdict:allow",
	"error:*", "rows:>50", "rows:*", "duration:<1s", "refund", "sel*", `"ef"`, `"e"`, "é*", "table:orders", "done:true", "type:statement", "param:*",
	"since:30h", "until:20h", "hugeend", "client:10.0.0.5", "account:app", `"1,"`, "\xff", "tag:select*", "bytes:>2kB", "first_row:>2ms"}

func drawQuery(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	switch {
	case depth == 0 || kind < 2:
		return rapid.SampledFrom(terms).Draw(t, "term")
	case kind == 2:
		return "(" + drawQuery(t, depth-1) + " or " + drawQuery(t, depth-1) + ")"
	case kind == 3:
		return "not (" + drawQuery(t, depth-1) + ")"
	}
	return "(" + drawQuery(t, depth-1) + " " + drawQuery(t, depth-1) + ")"
}

// drawn compares searches that nobody thought of.
func (s suite) drawn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		q := audit.Query{Text: drawQuery(rt, 3), Limit: rapid.SampledFrom([]int{50, 1000}).Draw(rt, "limit")}
		want, wantErr := all(t, s.oracle, q)
		got, gotErr := all(t, s.index, q)
		compare(t, q.Text, want, got, wantErr, gotErr)
		if t.Failed() {
			rt.Fatal(q.Text)
		}
	})
}
