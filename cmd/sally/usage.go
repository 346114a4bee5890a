package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// groupMark marks commands that only hold others, so that their help has no line for themselves.
const groupMark = "group"

// explainUsage has each command say what a wrong call of it lacks. Cobra alone prints the help of a group whose command it does not know, and
// succeeds: a script that misspells "suspend" would never hear of it.
func explainUsage(root *cobra.Command) {
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", `{{if and .Runnable (not (index .Annotations "`+groupMark+`"))}}`, 1))
	for _, c := range root.Commands() {
		explainBelow(c)
	}
}

func explainBelow(c *cobra.Command) {
	if c.HasSubCommands() && !c.Runnable() {
		c.Annotations = map[string]string{groupMark: "yes"}
		c.Args = knownCommand
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	} else if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error { return sayUse(c, check(c, args)) }
	}
	for _, below := range c.Commands() {
		explainBelow(below)
	}
}

// knownCommand refuses what a group does not have.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	c.SuggestionsMinimumDistance = 2
	meant := ""
	if close := c.SuggestionsFor(args[0]); len(close) > 0 {
		meant = fmt.Sprintf("; did you mean %s", strings.Join(close, " or "))
	}
	return fmt.Errorf("there is no command %q in %q%s; see: %[2]s --help", args[0], c.CommandPath(), meant)
}

// sayUse puts how a command is called in the place of cobra's counts, and of the command below that it takes an argument for.
func sayUse(c *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	words := err.Error()
	miscounted := strings.HasPrefix(words, "accepts ") || strings.HasPrefix(words, "requires at least ")
	if !miscounted && (c.HasSubCommands() || !strings.HasPrefix(words, "unknown command ")) {
		return err
	}
	return fmt.Errorf("write it like this: %s; see: %s --help", c.UseLine(), c.CommandPath())
}
