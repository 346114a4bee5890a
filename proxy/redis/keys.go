package redis

import "strconv"

// findKeys appends the places of a command's keys among its arguments. sure says that there are no others.
type findKeys func(a *args, at []int) (keys []int, sure bool)

// appendKeys appends the places of the keys that the arguments name. sure says that the command touches no others.
func (c *command) appendKeys(a *args, at []int) (keys []int, sure bool) {
	if c.find != nil {
		return c.find(a, at)
	}
	sure = true
	for i := range c.keys {
		s := &c.keys[i]
		if s.word == "" {
			at, sure = s.appendFrom(a, s.at, at, sure)
			continue
		}
		from := s.at
		if from < 0 {
			from = 1 // backwards from the end: whatever it finds first, it is among all
		}
		for i := from; i < a.count()-1; i++ {
			if a.is(i, s.word) {
				at, sure = s.appendFrom(a, i+1, at, sure)
			}
		}
	}
	return at, sure && !c.veiled
}

// appendFrom appends the places of the keys that begin at begin.
func (s *keySpec) appendFrom(a *args, begin int, at []int, sure bool) ([]int, bool) {
	count := a.count()
	if !s.numbered {
		last := begin + s.last
		if s.last < 0 {
			last = count + s.last
			if s.limit > 1 {
				last = begin + (count-begin)/s.limit - 1
			}
		}
		for i := begin; i <= min(last, count-1); i += s.step {
			at = append(at, i)
		}
		return at, sure
	}
	if begin+s.last >= count {
		return at, sure
	}
	n, err := strconv.Atoi(string(a.get(begin + s.last)))
	if err != nil || n < 0 || n > count {
		return at, false
	}
	for i := begin + s.step; n > 0 && i < count; i, n = i+s.limit, n-1 {
		at = append(at, i)
	}
	return at, sure
}

// streamKeys finds the keys of XREAD and XREADGROUP: the first half of what follows STREAMS, which may be the name of a
// group or of a consumer as well.
func streamKeys(a *args, at []int) ([]int, bool) {
	for i := 1; i < a.count(); i++ {
		switch {
		case a.is(i, "STREAMS"):
			first := i + 1
			for n := range (a.count() - first) / 2 {
				at = append(at, first+n)
			}
			return at, true
		case a.is(i, "GROUP"):
			i += 2
		case a.is(i, "BLOCK"), a.is(i, "COUNT"), a.is(i, "CLAIM"):
			i++
		case a.is(i, "NOACK"):
		default:
			return at, false
		}
	}
	return at, true
}

// sortKeys finds the keys of SORT: BY and GET name others by patterns.
func sortKeys(a *args, at []int) ([]int, bool) {
	if a.count() > 1 {
		at = append(at, 1)
	}
	sure := true
	for i := 2; i < a.count(); i++ {
		switch {
		case a.is(i, "LIMIT"):
			i += 2
		case a.is(i, "BY"), a.is(i, "GET"):
			i++
			sure = false
		case a.is(i, "STORE"):
			if i++; i < a.count() {
				at = append(at, i)
			}
		case a.is(i, "ASC"), a.is(i, "DESC"), a.is(i, "ALPHA"):
		default:
			sure = false
		}
	}
	return at, sure
}
