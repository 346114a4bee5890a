package access_test

import (
	"os"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go/x/exp/schema"

	"github.com/sallyport/sallyport/access"
)

// The schema is Cedar, and the page that explains it shows it as it is.
func TestSchema(t *testing.T) {
	var s schema.Schema
	s.SetFilename("schema.cedarschema")
	if err := s.UnmarshalCedar([]byte(access.Schema)); err != nil {
		t.Error(err)
	}
	page, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), access.Schema) {
		t.Error("docs/policies.md does not show the schema as it is")
	}
	// Every attribute that policies may read stands in it: each is named in the error about an unknown one.
	s2 := world()
	s2.Policies["p"] = access.Policy{Text: `forbid (principal, action, resource) when { context.nothing };`}
	_, err = access.Compile(s2)
	if err == nil {
		t.Fatal("an unknown attribute was taken")
	}
	_, names, _ := strings.Cut(err.Error(), "it has ")
	for _, name := range strings.Split(names, ", ") {
		if !strings.Contains(access.Schema, name+":") && !strings.Contains(access.Schema, name+"?:") {
			t.Errorf("the schema does not have context.%s", name)
		}
	}
}

// The examples in the page compile, and so say what they seem to say.
func TestExamplesCompile(t *testing.T) {
	page, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rest := string(page); ; {
		var found bool
		if _, rest, found = strings.Cut(rest, "```cedar\n"); !found {
			break
		}
		var text string
		if text, rest, found = strings.Cut(rest, "```"); !found {
			t.Fatal("an example without an end")
		}
		p := access.Policy{Name: "example", Text: text}
		if err := p.Check(); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		n++
	}
	if n < 5 {
		t.Errorf("%d examples", n)
	}
}
