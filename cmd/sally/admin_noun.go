package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// adminNoun makes add, set, show, list and remove for one kind of object.
type adminNoun[T any] struct {
	one, many string
	long      string
	example   string // of add
	changes   string // examples of set
	head      []string
	row       func(T) []string
	fresh     func(name string) T
	// details is what show tells beside the row, perhaps more than the object itself says; nil: nothing.
	details func(context.Context, *apiClient, T) (head, row []string, err error)
	// flags adds the flags that describe an object and gives the function that puts those which were given into it.
	flags func(*pflag.FlagSet) func(*T) error
	// after follows a successful add or set; nil: nothing does.
	after func(cmd *cobra.Command, c *apiClient, name string) error
}

func (n *adminNoun[T]) command(f *adminFlags, more ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: n.many, Short: "Keep " + n.many, Long: n.long, Aliases: []string{n.one}}
	cmd.AddCommand(n.add(f), n.set(f), n.show(f), n.list(f), n.remove(f))
	cmd.AddCommand(more...)
	return cmd
}

func (n *adminNoun[T]) path(name string) string { return "/" + n.many + "/" + url.PathEscape(name) }

// add creates the object. One that exists already and is as the flags say is left alone, so that scripts can be run
// again; one that differs is refused.
func (n *adminNoun[T]) add(f *adminFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Add a " + n.one, Example: n.example, Args: cobra.ExactArgs(1),
		Long: fmt.Sprintf("Adds a %s. If it exists already just as described, nothing is changed and that is no error.", n.one),
	}
	apply := n.flags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := f.api.client()
		if err != nil {
			return err
		}
		object := n.fresh(args[0])
		if err := apply(&object); err != nil {
			return err
		}
		var saved T
		did := "added"
		err = c.do(cmd.Context(), http.MethodPost, "/"+n.many, object, &saved)
		var refused *apiError
		if errors.As(err, &refused) && refused.Status == http.StatusConflict {
			saved, err = n.same(cmd, c, args[0], apply, err)
			did = "unchanged"
		}
		if err != nil {
			return err
		}
		return n.done(cmd, f, c, args[0], saved, did)
	}
	return cmd
}

// same gives the present object if the flags would change nothing in it, else the conflict with advice.
func (n *adminNoun[T]) same(cmd *cobra.Command, c *apiClient, name string, apply func(*T) error, conflict error) (T, error) {
	var present, wanted T
	if err := c.do(cmd.Context(), http.MethodGet, n.path(name), nil, &present); err != nil {
		return present, err
	}
	b, err := json.Marshal(present)
	if err != nil {
		return present, fmt.Errorf("encode %s: %w", n.one, err)
	}
	if err := json.Unmarshal(b, &wanted); err != nil {
		return present, fmt.Errorf("decode %s: %w", n.one, err)
	}
	if err := apply(&wanted); err != nil {
		return present, err
	}
	after, err := json.Marshal(wanted)
	if err != nil {
		return present, fmt.Errorf("encode %s: %w", n.one, err)
	}
	if string(b) != string(after) {
		return present, fmt.Errorf("%w, and it differs; change it with: sally admin %s set %s", conflict, n.many, name)
	}
	return present, nil
}

func (n *adminNoun[T]) set(f *adminFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "set NAME", Short: "Change a " + n.one, Example: n.changes, Args: cobra.ExactArgs(1), ValidArgsFunction: n.completeOne(f),
		Long: fmt.Sprintf("Changes what the flags name in a %s and leaves the rest. Lists are replaced whole; of KEY=VALUE flags the named\n"+
			"keys are replaced, and KEY= takes one away. What somebody else changed meanwhile is not undone: the command is refused then.", n.one),
	}
	apply := n.flags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := f.api.client()
		if err != nil {
			return err
		}
		var object, saved T
		revision, err := c.read(cmd.Context(), n.path(args[0]), &object)
		if err != nil {
			return err
		}
		if err := apply(&object); err != nil {
			return err
		}
		if err := c.replace(cmd.Context(), n.path(args[0]), revision, object, &saved); err != nil {
			return err
		}
		return n.done(cmd, f, c, args[0], saved, "set")
	}
	return cmd
}

func (n *adminNoun[T]) done(cmd *cobra.Command, f *adminFlags, c *apiClient, name string, saved T, did string) error {
	if n.after != nil {
		if err := n.after(cmd, c, name); err != nil {
			return err
		}
	}
	if f.output == "json" {
		return printJSON(cmd.OutOrStdout(), saved)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s\n", n.one, name, did)
	return err
}

func (n *adminNoun[T]) show(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a " + n.one, Args: cobra.ExactArgs(1), ValidArgsFunction: n.completeOne(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			var object T
			if err := c.do(cmd.Context(), http.MethodGet, n.path(args[0]), nil, &object); err != nil {
				return err
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), object)
			}
			head, row := n.head, n.row(object)
			if n.details != nil {
				more, values, err := n.details(cmd.Context(), c, object)
				if err != nil {
					return err
				}
				head, row = slices.Concat(head, more), slices.Concat(row, values)
			}
			return printPairs(cmd.OutOrStdout(), head, row)
		},
	}
}

func (n *adminNoun[T]) list(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List " + n.many, Aliases: []string{"ls"}, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listItems(cmd, f, "/"+n.many, nil, n.head, n.row)
		},
	}
}

func (n *adminNoun[T]) remove(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME...", Short: "Remove " + n.many, Aliases: []string{"rm", "delete"}, Args: cobra.MinimumNArgs(1),
		ValidArgsFunction: n.complete(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			return removeEach(cmd, f, args, n.path, n.one, "removed")
		},
	}
}

// completionTime bounds what a press of the tab key waits for a server.
const completionTime = 3 * time.Second

// complete gives the names of objects that begin as what was typed, without those that stand there already.
func (n *adminNoun[T]) complete(f *adminFlags) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		c, err := f.api.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		items, err := all[T](ctx, c, "/"+n.many, nil)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, item := range items {
			if name := n.row(item)[0]; strings.HasPrefix(name, typed) && !slices.Contains(args, name) {
				names = append(names, name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeOne is complete for commands that take one name.
func (n *adminNoun[T]) completeOne(f *adminFlags) cobra.CompletionFunc {
	complete := n.complete(f)
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, typed)
	}
}

// listItems prints the whole list at path.
func listItems[T any](cmd *cobra.Command, f *adminFlags, path string, query url.Values, head []string, row func(T) []string) error {
	c, err := f.api.client()
	if err != nil {
		return err
	}
	items, err := all[T](cmd.Context(), c, path, query)
	if err != nil {
		return err
	}
	return printItems(cmd, f, head, items, row)
}

// removeEach removes what is named, one after the other, and says of each which kind of object it was and what was done to it.
func removeEach(cmd *cobra.Command, f *adminFlags, names []string, path func(name string) string, kind, done string) error {
	c, err := f.api.client()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := c.do(cmd.Context(), http.MethodDelete, path(name), nil, nil); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s %s %s\n", kind, name, done)
	}
	return nil
}

// below gives the paths of objects below root.
func below(root string) func(name string) string {
	return func(name string) string { return root + "/" + url.PathEscape(name) }
}

func printItems[T any](cmd *cobra.Command, f *adminFlags, head []string, items []T, row func(T) []string) error {
	if f.output == "json" {
		return printJSON(cmd.OutOrStdout(), items)
	}
	rows := make([][]string, len(items))
	for i, item := range items {
		rows[i] = row(item)
	}
	return printTable(cmd.OutOrStdout(), head, rows)
}

// takeText puts a flag that was given into its place.
func takeText[S ~string](fs *pflag.FlagSet, name string, into *S) {
	if fs.Changed(name) {
		*into = S(fs.Lookup(name).Value.String())
	}
}

func takeBool(fs *pflag.FlagSet, name string, into *bool) {
	if fs.Changed(name) {
		*into = fs.Lookup(name).Value.String() == "true"
	}
}

// takeList replaces the list by the flag's values; one empty value empties it. sorted is for lists whose order means
// nothing.
func takeList(fs *pflag.FlagSet, name string, values []string, sorted bool, into *[]string) {
	if !fs.Changed(name) {
		return
	}
	list := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
	if sorted {
		slices.Sort(list)
		list = slices.Compact(list)
	}
	if len(list) == 0 {
		list = nil
	}
	*into = list
}

// takeMap puts the flag's keys into the map; a key without a value is taken out.
func takeMap(fs *pflag.FlagSet, name string, values map[string]string, into *map[string]string) {
	if !fs.Changed(name) {
		return
	}
	if *into == nil {
		*into = map[string]string{}
	}
	for k, v := range values {
		if v == "" {
			delete(*into, k)
			continue
		}
		(*into)[k] = v
	}
}
