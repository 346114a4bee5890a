package proxy

import (
	"fmt"
	"runtime/debug"
)

// Panicked is what is left of a panic in one session: that session ends, the others go on.
type Panicked struct {
	Value any
	Stack []byte
}

func (p *Panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Value, p.Stack) }

// Recover, deferred, turns a panic into *err. It stands around all code that reads what a client or a store has sent.
func Recover(err *error) {
	if value := recover(); value != nil {
		*err = &Panicked{Value: value, Stack: debug.Stack()}
	}
}
