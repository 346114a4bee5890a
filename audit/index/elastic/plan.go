package elastic

import (
	"math"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// dsl is a query, or a part of one, in the cluster's language.
type dsl map[string]any

// plan is a search in the cluster's language: possible finds whatever the search finds and perhaps more, certain nothing
// that it does not find. What lies between is judged here.
type plan struct {
	matcher           *query.Matcher
	possible, certain dsl
	// exact says that possible and certain differ only in documents that are not whole (keyPartly).
	exact bool
}

const (
	// maxClauses and maxDepth keep a query well within what the servers allow (1024, 20); what is beyond is judged here.
	maxClauses = 400
	maxDepth   = 14
)

var (
	everything = dsl{"match_all": dsl{}}
	nothing    = dsl{"match_none": dsl{}}
)

func newPlan(q audit.Query, now time.Time) (*plan, error) {
	parsed, err := query.Parse(q.Text)
	if err != nil {
		return nil, err
	}
	m := parsed.Bind(now)
	p := &plan{matcher: m, exact: true}
	c := compiler{}
	b := c.compile(parsed.Tree(now), 0)
	p.exact = !c.inexact
	from, to := m.Range()
	from, to = query.Narrow(from, to, q.From, q.To)
	within := timeRange(from, to)
	p.possible, p.certain = both(within, b.possible), both(within, b.certain)
	return p, nil
}

// bounds is a term between what it finds for certain and what it may find.
type bounds struct{ possible, certain dsl }

type compiler struct {
	clauses int
	inexact bool
}

// unknown leaves a term to be judged here.
func (c *compiler) unknown() bounds {
	c.inexact = true
	return bounds{everything, nothing}
}

func (c *compiler) compile(n query.Node, depth int) bounds {
	if c.clauses++; c.clauses > maxClauses || depth > maxDepth {
		return c.unknown()
	}
	switch n.Kind {
	case query.NodeAnd:
		if len(n.Terms) == 0 {
			return bounds{everything, everything}
		}
		return c.join("filter", n.Terms, depth)
	case query.NodeOr:
		return c.join("should", n.Terms, depth)
	case query.NodeNot:
		b := c.compile(n.Terms[0], depth+1)
		return bounds{dsl{"bool": dsl{"must_not": []dsl{b.certain}}}, dsl{"bool": dsl{"must_not": []dsl{b.possible}}}}
	case query.NodeField:
		return c.field(n)
	case query.NodeNumber:
		return orPartly(numberRange(n), keyNumbers)
	case query.NodeTime:
		r := timeRange(n.From, n.To)
		return bounds{r, r}
	case query.NodeText:
		return c.text(n)
	}
	return c.unknown()
}

func (c *compiler) join(how string, terms []query.Node, depth int) bounds {
	var possible, certain []dsl
	for _, t := range terms {
		b := c.compile(t, depth+1)
		possible, certain = append(possible, b.possible), append(certain, b.certain)
	}
	return bounds{dsl{"bool": dsl{how: possible}}, dsl{"bool": dsl{how: certain}}}
}

func (c *compiler) field(n query.Node) bounds {
	key := keyMatch + n.Field.String()
	var values []string
	var terms []dsl
	exact := true
	for _, p := range n.Patterns {
		text, isExact := encodeValue([]byte(p.Text))
		exact = exact && isExact
		switch {
		case p.Any: // a document that is not whole has a value all the same
			return orAlways(exists(key), n.Field.String())
		case len(text) > maxTerm: // no value in the cluster is as long
		case p.Prefix:
			c.clauses++
			terms = append(terms, dsl{"prefix": dsl{key: dsl{"value": text}}})
		default:
			values = append(values, text)
		}
	}
	if len(values) > 0 {
		terms = append(terms, dsl{"terms": dsl{key: values}})
	}
	if c.clauses > maxClauses {
		return c.unknown()
	}
	b := orPartly(dsl{"bool": dsl{"should": terms, "minimum_should_match": 1}}, n.Field.String())
	if len(terms) == 0 {
		b.certain = nothing
		b.possible = partly(n.Field.String())
	}
	if !exact {
		c.inexact = true
		b.certain = nothing
	}
	return b
}

// maxTerm is more than any form of a value has bytes: folding makes a character at most three bytes longer.
const maxTerm = 4 * maxValue

func (c *compiler) text(n query.Node) bounds {
	patterns, exact := needlePatterns(n)
	if len(patterns) == 0 {
		return c.unknown()
	}
	var all []dsl
	for _, p := range patterns {
		c.clauses++
		all = append(all, dsl{"wildcard": dsl{keyText: dsl{"value": p}}})
	}
	b := orPartly(dsl{"bool": dsl{"filter": all}}, keyText)
	if !exact {
		c.inexact = true
		b.certain = nothing
	}
	return b
}

// orPartly is a term that a document which is not whole in that respect may fulfil, too.
func orPartly(d dsl, respect string) bounds { return bounds{either(d, partly(respect)), d} }

// orAlways is a term that such a document fulfils. A reduced document, which is partly everything, may do so.
func orAlways(d dsl, respect string) bounds {
	whole := dsl{"bool": dsl{"filter": []dsl{partly(respect)}, "must_not": []dsl{partly(keyNumbers)}}}
	return bounds{either(d, partly(respect)), either(d, whole)}
}

func partly(respect string) dsl { return dsl{"term": dsl{keyPartly: respect}} }

func exists(key string) dsl { return dsl{"exists": dsl{"field": key}} }

func either(a, b dsl) dsl { return dsl{"bool": dsl{"should": []dsl{a, b}, "minimum_should_match": 1}} }

func both(terms ...dsl) dsl { return dsl{"bool": dsl{"filter": terms}} }

func without(d, not dsl) dsl { return dsl{"bool": dsl{"filter": []dsl{d}, "must_not": []dsl{not}}} }

func numberRange(n query.Node) dsl {
	limits := dsl{}
	if n.Low != math.MinInt64 {
		limits["gte"] = n.Low
	}
	if n.High != math.MaxInt64 {
		limits["lte"] = n.High
	}
	if len(limits) == 0 {
		return exists(n.Field.String())
	}
	return dsl{"range": dsl{n.Field.String(): limits}}
}

// timeRange is exact by the microseconds, and lets the cluster pass over whole indices by the time.
func timeRange(from, to time.Time) dsl {
	if from.IsZero() && to.IsZero() {
		return everything
	}
	micros, coarse := dsl{}, dsl{"format": "strict_date_optional_time"}
	if !from.IsZero() {
		micros["gte"] = ceilMicro(from)
		coarse["gte"] = clusterTime(from.Add(-time.Millisecond))
	}
	if !to.IsZero() {
		micros["lt"] = ceilMicro(to)
		coarse["lte"] = clusterTime(to.Add(time.Millisecond))
	}
	return both(dsl{"range": dsl{keyMicros: micros}}, dsl{"range": dsl{keyTime: coarse}})
}

// ceilMicro rounds up, which excludes nothing that lies in the range.
func ceilMicro(t time.Time) int64 { return t.Add(time.Microsecond - time.Nanosecond).UnixMicro() }
