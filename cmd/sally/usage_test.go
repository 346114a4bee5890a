package main

import (
	"strings"
	"testing"
)

func TestWrongCallsSayWhatIsRight(t *testing.T) {
	for call, want := range map[string]string{
		"admin users supend alice": `there is no command "supend" in "sally admin users"; did you mean suspend; see: sally admin users --help`,
		"admin frobnicate":         `there is no command "frobnicate" in "sally admin"; see: sally admin --help`,
		"audit serch x":            `there is no command "serch" in "sally audit"; did you mean search; see: sally audit --help`,
		"replay":                   "write it like this: sally replay ID|FILE.cast [flags]; see: sally replay --help",
		"ssh-cert web-1":           "write it like this: sally ssh-cert [flags]; see: sally ssh-cert --help",
		"admin sessions kill":      "write it like this: sally admin sessions kill ID... [flags]; see: sally admin sessions kill --help",
	} {
		if got := runSally(t.Context(), "", strings.Fields(call)...); got.err == nil || got.err.Error() != want {
			t.Errorf("sally %s: %v\nwant %s", call, got.err, want)
		}
	}
}

func TestHelpOfGroupsNamesTheirCommandsAlone(t *testing.T) {
	got := runSally(t.Context(), "", "admin", "users")
	if got.err != nil || !strings.Contains(got.out, "sally admin users [command]") || strings.Contains(got.out, "sally admin users [flags]") {
		t.Errorf("%v: %s", got.err, got.out)
	}
	if got = runSally(t.Context(), "", "server", "--help"); !strings.Contains(got.out, "sally server [flags]") {
		t.Errorf("a command that runs and holds others does not say so: %s", got.out)
	}
}
