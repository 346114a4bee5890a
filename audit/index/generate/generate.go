// Package generate makes events like those of a company of 500 engineers, the same ones for the same seed, for
// benchmarks and load tests: sessions of psql, applications and dashboards on 40 resources, statements by 300 templates
// with literals in the text (40 %) or parameters (60 %), one in a hundred of which fails.
package generate

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// What there is.
const (
	Users     = 500
	Resources = 40
	Templates = 300
	sessions  = 400 // open at a time
)

// Generator makes statements with their results. It is not safe for concurrent use.
type Generator struct {
	random    *rand.Rand
	at        time.Time
	step      time.Duration // between statements, on average
	seq       uint64
	templates []template
	sessions  []session
}

type session struct {
	scope audit.Scope
	left  int // statements
}

// New makes a generator whose statements begin at start, perSecond of them each second.
func New(seed uint64, start time.Time, perSecond int) *Generator {
	g := &Generator{random: rand.New(rand.NewPCG(seed, seed^0x5a11)), at: start.UTC().Truncate(time.Microsecond),
		step: time.Second / time.Duration(max(1, perSecond))}
	for i := range Templates {
		g.templates = append(g.templates, newTemplate(g.random, i))
	}
	g.sessions = make([]session, sessions)
	return g
}

// Next appends the JSON of a statement and of its result to the two buffers.
func (g *Generator) Next(statement, result []byte) (s, r []byte) {
	e, res := g.Pair()
	return e.AppendJSON(statement), res.AppendJSON(result)
}

// Pair is the next statement and its result.
func (g *Generator) Pair() (statement, result audit.Event) {
	g.at = g.at.Add(time.Duration(g.random.ExpFloat64() * float64(g.step))).Truncate(time.Microsecond)
	s := &g.sessions[g.random.IntN(len(g.sessions))]
	if s.left == 0 {
		g.open(s)
	}
	s.left--
	statement = audit.Event{Seq: g.seq, ID: g.uuid(g.at), Time: g.at, Type: audit.StatementBegin, Scope: s.scope,
		Verdict: audit.Allow, Policy: s.scope.Role}
	t := &g.templates[skewed(g.random, len(g.templates))]
	t.fill(g.random, &statement)
	duration := time.Duration(200+g.random.ExpFloat64()*3000) * time.Microsecond
	result = audit.Event{Seq: g.seq + 1, ID: g.uuid(g.at.Add(duration)), Time: g.at.Add(duration), Type: audit.StatementResult,
		Scope: audit.Scope{Gateway: s.scope.Gateway, Session: s.scope.Session}, Of: statement.ID,
		Rows: int64(g.random.ExpFloat64() * 12), BytesIn: int64(len(statement.Statement.Bytes) + 20 + g.random.IntN(60)),
		Duration: audit.Micros(duration), FirstRow: audit.Micros((duration / 2).Truncate(time.Microsecond))}
	result.BytesOut = 60 + result.Rows*int64(40+g.random.IntN(80))
	result.Tag = t.verb + " " + strconv.FormatInt(result.Rows, 10)
	if g.random.IntN(100) == 0 {
		t.fail(g.random, &result)
	}
	g.seq += 2
	return statement, result
}

// open begins a session.
func (g *Generator) open(s *session) {
	user := skewed(g.random, Users)
	resource := skewed(g.random, Resources)
	role := []string{"engineer", "analyst", "support", "dba"}[user%4]
	s.left = 1 + int(g.random.ExpFloat64()*300)
	s.scope = audit.Scope{
		Gateway: "gw-eu-1", Session: g.uuid(g.at), User: userName(user), Groups: []string{"eng", fmt.Sprintf("team-%02d", user%30)},
		Role: role, ClientAddr: fmt.Sprintf("10.%d.%d.%d:%d", user%8, user%250, 1+user%200, 32768+g.random.IntN(28000)),
		Entrance:    []string{"tunnel", "tunnel", "native"}[g.random.IntN(3)],
		Application: []string{"psql", "DBeaver 24.2.3", "metabase", "orders-api", "pgx"}[g.random.IntN(5)],
		Resource:    fmt.Sprintf("%s-%s", domains[resource%len(domains)], []string{"prod", "staging", "eu", "us"}[resource/len(domains)%4]),
		Protocol:    "postgres", Account: role + "_rw", Login: fmt.Sprintf("v-%s-%s-%x", role, userName(user)[:3], g.random.Uint32()),
		Database: domains[resource%len(domains)], Credential: "vault:database/creds/" + role,
	}
	s.scope.Freeze()
}

var domains = []string{"orders", "billing", "users", "catalog", "shipping", "search", "metrics", "ledger", "inbox", "auth"}

var (
	firstNames = []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory",
		"niaj", "olivia", "peggy", "rupert", "sybil", "trent", "ursula", "victor", "wendy"}
	lastNames = []string{"smith", "jones", "garcia", "chen", "kumar", "mueller", "rossi", "sato", "novak", "okafor",
		"silva", "dubois", "jensen", "kowalski", "haddad", "ivanova", "nguyen", "oconnor", "park", "tanaka", "berg",
		"costa", "fischer", "moreau", "yilmaz"}
)

func userName(i int) string {
	return firstNames[i%len(firstNames)] + "." + lastNames[i/len(firstNames)%len(lastNames)] + "@acme.com"
}

// skewed draws from 0 to n-1, small numbers more often.
func skewed(r *rand.Rand, n int) int {
	f := r.Float64()
	return int(f * f * float64(n))
}

// uuid makes a UUIDv7 of the time.
func (g *Generator) uuid(at time.Time) string {
	var raw [16]byte
	nanos := uint64(at.UnixNano())
	binary.BigEndian.PutUint64(raw[:8], nanos/1e6<<16|7<<12|(nanos%1e6)<<12/1e6)
	binary.BigEndian.PutUint64(raw[8:], 1<<63|g.random.Uint64()>>2)
	return uuidText(raw)
}

func uuidText(raw [16]byte) string {
	text := [36]byte{8: '-', 13: '-', 18: '-', 23: '-'}
	hex.Encode(text[0:8], raw[0:4])
	hex.Encode(text[9:13], raw[4:6])
	hex.Encode(text[14:18], raw[6:8])
	hex.Encode(text[19:23], raw[8:10])
	hex.Encode(text[24:36], raw[10:16])
	return string(text[:])
}
