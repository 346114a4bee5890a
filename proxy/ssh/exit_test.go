package ssh

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
)

// Programs that run ssh know by the status alone whether the server was reached: 255 is ssh's own for that it was not.
func TestExitStatusOfWhatSallyportEnds(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want uint32
	}{
		"denied":                  {fmt.Errorf("open: %w", &access.Denial{Sentence: "you may not"}), 1},
		"longer than is recorded": {fmt.Errorf("%w of 10 bytes", proxy.ErrMessageTooLarge), 1},
		"server away":             {fmt.Errorf("connect: %w", &proxy.StoreUnreachable{Resource: "web-1", Err: errors.New("refused")}), 255},
		"killed by an admin":      {&proxy.Ended{Sentence: "maintenance now"}, 255},
		"nothing can be recorded": {audit.ErrUnavailable, 255},
		"another host key":        {&proxy.Refusal{Sentence: "the server shows another host key"}, 255},
	} {
		if got := exitOf(test.err); got != test.want {
			t.Errorf("%s: %d, not %d", name, got, test.want)
		}
	}
}
