package scim

import (
	"cmp"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

// maxFilter bounds a filter's text, in bytes, and so how deep it nests.
const maxFilter = 4 << 10

// parseFilter reads a filter (RFC 7644, section 3.4.2.2); nil for an empty one, which all objects match.
func parseFilter(text string) (filter.Expression, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > maxFilter {
		return nil, badRequest("invalidFilter", "the filter is longer than %d bytes", maxFilter)
	}
	e, err := filter.ParseFilter([]byte(text))
	if err != nil {
		return nil, badRequest("invalidFilter", "the filter cannot be understood")
	}
	return e, nil
}

// matches says whether the filter finds what has these attributes.
func matches(e filter.Expression, d Document) bool {
	switch e := e.(type) {
	case nil:
		return true
	case *filter.LogicalExpression:
		if e.Operator == filter.AND {
			return matches(e.Left, d) && matches(e.Right, d)
		}
		return matches(e.Left, d) || matches(e.Right, d)
	case *filter.NotExpression:
		return !matches(e.Expression, d)
	case *filter.AttributeExpression:
		return matchesAttribute(e, d)
	case *filter.ValuePath:
		for _, v := range values(d, e.AttributePath) {
			if member, ok := v.(map[string]any); ok && matches(e.ValueFilter, member) {
				return true
			}
		}
	}
	return false
}

func matchesAttribute(e *filter.AttributeExpression, d Document) bool {
	found := values(d, e.AttributePath)
	if e.Operator == filter.PR {
		for _, v := range found {
			if !isEmpty(v) {
				return true
			}
		}
		return false
	}
	if e.Operator == filter.NE {
		for _, v := range found {
			if compare(filter.EQ, plainValue(v), e.CompareValue) {
				return false
			}
		}
		return true
	}
	for _, v := range found {
		if compare(e.Operator, plainValue(v), e.CompareValue) {
			return true
		}
	}
	return false
}

// values are those at the path: of a multi-valued attribute all.
func values(d Document, path filter.AttributePath) []any {
	scope := d
	if uri := path.URI(); uri != "" && !isCore(uri) {
		_, v, _ := d.find(uri)
		extension, _ := v.(map[string]any)
		scope = extension
	}
	_, v, ok := scope.find(path.AttributeName)
	if !ok {
		return nil
	}
	list, many := v.([]any)
	if !many {
		list = []any{v}
	}
	if path.SubAttribute == nil {
		return list
	}
	var out []any
	for _, item := range list {
		if member, ok := item.(map[string]any); ok {
			if _, v, ok := Document(member).find(*path.SubAttribute); ok {
				out = append(out, v)
			}
		}
	}
	return out
}

func isCore(uri string) bool {
	return strings.EqualFold(uri, userSchema) || strings.EqualFold(uri, groupSchema)
}

// plainValue of a complex value is its "value".
func plainValue(v any) any {
	if member, ok := v.(map[string]any); ok {
		_, v, _ = Document(member).find("value")
	}
	return v
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// compare compares texts without regard to case: none of the attributes here is case exact but IDs, which have no case
// of their own.
func compare(op filter.CompareOperator, have, want any) bool {
	switch have := have.(type) {
	case string:
		if b, ok := want.(bool); ok { // a boolean that came as text
			have, ok := truth(have)
			return ok && op == filter.EQ && have == b
		}
		want, ok := want.(string)
		return ok && compareText(op, strings.ToLower(have), strings.ToLower(want))
	case bool:
		want, ok := truth(want)
		return ok && op == filter.EQ && have == want
	case float64:
		want, ok := number(want)
		return ok && ordered(op, cmp.Compare(have, want))
	case nil:
		return want == nil && op == filter.EQ
	}
	return false
}

func compareText(op filter.CompareOperator, have, want string) bool {
	switch op {
	case filter.CO:
		return strings.Contains(have, want)
	case filter.SW:
		return strings.HasPrefix(have, want)
	case filter.EW:
		return strings.HasSuffix(have, want)
	}
	return ordered(op, strings.Compare(have, want))
}

func ordered(op filter.CompareOperator, order int) bool {
	switch op {
	case filter.EQ:
		return order == 0
	case filter.GT:
		return order > 0
	case filter.GE:
		return order >= 0
	case filter.LT:
		return order < 0
	case filter.LE:
		return order <= 0
	}
	return false
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	return 0, false
}
