package recording

// Shown makes output what a terminal is to be given of it: each piece valid UTF-8 as far as it can be, and where there was no terminal,
// each new line at its beginning. It is for one pass in order, from any moment on.
type Shown struct {
	plain  bool
	joiner Joiner
	last   byte
}

// NewShown is for recordings of that header.
func NewShown(h Header) *Shown { return &Shown{plain: h.Plain()} }

// Output is what to write for b. It may be b itself.
func (s *Shown) Output(b []byte) []byte {
	b = s.joiner.Join(b)
	if !s.plain || len(b) == 0 {
		return b
	}
	out := make([]byte, 0, len(b)+len(b)/32+1)
	for _, c := range b {
		if c == '\n' && s.last != '\r' {
			out = append(out, '\r')
		}
		out = append(out, c)
		s.last = c
	}
	return out
}
