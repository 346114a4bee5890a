package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// verb is what a change does.
type verb string

const (
	verbCreate verb = "create"
	verbUpdate verb = "update"
	verbRemove verb = "remove"
)

// change is one object that is not as the files say.
type change struct {
	verb          verb
	kind, name    string
	before, after json.RawMessage // as encodePlain writes them; nil where there is none
	make          func(context.Context, *apiClient) error
}

// applied is what files say, by kind. A kind that is named without objects is there with none.
type applied map[string][]json.RawMessage

// readApplied reads and joins the files.
func readApplied(stdin io.Reader, files []string) (applied, error) {
	known := map[string]bool{}
	for _, k := range appliedKinds() {
		known[k.kind()] = true
	}
	all := applied{}
	for _, name := range files {
		text, err := readFileOr(stdin, name)
		if err != nil {
			return nil, err
		}
		one, err := parseApplied(text, known)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for kind, items := range one {
			all[kind] = append(all[kind], items...)
		}
	}
	return all, nil
}

func readFileOr(stdin io.Reader, name string) ([]byte, error) {
	const limit = 64 << 20 // bytes
	if name == "-" {
		return io.ReadAll(io.LimitReader(stdin, limit))
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return text, nil
}

func parseApplied(text []byte, known map[string]bool) (applied, error) {
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, errors.New(yaml.FormatError(err, false, true))
	}
	one := map[string]json.RawMessage{}
	if err := json.Unmarshal(asJSON, &one); err != nil {
		return nil, errors.New("want lists by kind, such as roles: [...]; sally export writes an example")
	}
	out := applied{}
	for _, kind := range slices.Sorted(maps.Keys(one)) {
		if !known[kind] {
			return nil, fmt.Errorf("there is no kind %q; there are: %s", kind, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		items := []json.RawMessage{}
		if err := json.Unmarshal(one[kind], &items); err != nil {
			return nil, fmt.Errorf("%s: want a list of objects", kind)
		}
		out[kind] = items
	}
	return out, nil
}

// planChanges orders the changes so that each finds what it names, and nothing that is named is removed.
func planChanges(ctx context.Context, c *apiClient, document applied, prune bool) ([]change, error) {
	var write, remove []change
	for _, k := range appliedKinds() {
		wanted, named := document[k.kind()]
		if !named {
			continue
		}
		w, r, err := k.plan(ctx, c, wanted, prune)
		if err != nil {
			return nil, err
		}
		write, remove = append(write, w...), append(r, remove...)
	}
	return append(write, remove...), nil
}

func printPlan(out io.Writer, changes []change) {
	if len(changes) == 0 {
		fmt.Fprintln(out, "everything is as the files say")
		return
	}
	sign := map[verb]string{verbCreate: "+", verbUpdate: "~", verbRemove: "-"}
	for _, c := range changes {
		fmt.Fprintf(out, "%s %s %s\n", sign[c.verb], c.kind, c.name)
		if c.verb == verbRemove {
			continue
		}
		before, after := members(c.before), members(c.after)
		names := slices.Collect(maps.Keys(after))
		for name := range before {
			if _, stays := after[name]; !stays {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			old, present := before[name]
			now, wanted := after[name]
			switch {
			case name == "name" || string(old) == string(now):
			case !present:
				fmt.Fprintf(out, "    + %s: %s\n", name, now)
			case !wanted:
				fmt.Fprintf(out, "    - %s: %s\n", name, old)
			default:
				fmt.Fprintf(out, "    ~ %s: %s -> %s\n", name, old, now)
			}
		}
	}
}

func members(object json.RawMessage) map[string]json.RawMessage {
	m := map[string]json.RawMessage{}
	if object != nil {
		_ = json.Unmarshal(object, &m) // encodePlain made it
	}
	return m
}

// exportObjects writes a file for apply.
func exportObjects(ctx context.Context, c *apiClient, out io.Writer, only []string) error {
	var known []string
	for _, k := range appliedKinds() {
		known = append(known, k.kind())
	}
	for _, kind := range only {
		if !slices.Contains(known, kind) {
			return fmt.Errorf("there is no kind %q; there are: %s", kind, strings.Join(known, ", "))
		}
	}
	for _, k := range appliedKinds() {
		if len(only) > 0 && !slices.Contains(only, k.kind()) {
			continue
		}
		items, err := k.export(ctx, c)
		if err != nil {
			return err
		}
		if items == nil {
			items = []json.RawMessage{}
		}
		document, err := json.Marshal(map[string][]json.RawMessage{k.kind(): items})
		if err != nil {
			return fmt.Errorf("encode %s: %w", k.kind(), err)
		}
		text, err := yaml.JSONToYAML(document)
		if err != nil {
			return fmt.Errorf("write %s: %w", k.kind(), err)
		}
		if _, err := out.Write(text); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}
