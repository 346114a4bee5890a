package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
)

func TestParseWindow(t *testing.T) {
	for text, want := range map[string]access.Window{
		"mon-fri 09:00-17:00 Europe/Berlin": {Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "09:00", To: "17:00", Zone: "Europe/Berlin"},
		"sat-mon,WED 22:00-06:00":           {Days: []string{"mon", "wed", "sat", "sun"}, From: "22:00", To: "06:00"},
		"00:00-24:00":                       {From: "00:00", To: "24:00"},
		"00:00-24:00 UTC":                   {From: "00:00", To: "24:00", Zone: "UTC"},
	} {
		got, err := parseWindow(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for _, text := range []string{"", "mon-fri", "9-17", "monday 09:00-17:00", "mon fri 09:00-17:00", "mon- 09:00-17:00", "09:00-17:00 UTC twice"} {
		if w, err := parseWindow(text); err == nil {
			t.Errorf("%q is read as %+v", text, w)
		}
	}
}
