package sqltext

// window is the length of the shortest of the words below: the search looks at so many bytes at a time.
const window = 7

// skips says how far the search may go on when a window ends with a byte: the distance of its last place in any of
// "prepare", "dealloc" and "discard" from their ends (Horspool's table, for three words). 0 for their last letters.
func skips(b byte) int {
	switch b | 0x20 {
	case 'e', 'c', 'd':
		return 0
	case 'r', 'o':
		return 1
	case 'a', 'l':
		return 2
	case 'p':
		return 3
	case 's':
		return 4
	case 'i':
		return 5
	}
	return window
}

// TouchesPrepared says whether a text may make or drop prepared statements by SQL: whether it holds the word
// PREPARE, DEALLOCATE or DISCARD anywhere, in strings, comments and longer words too. It allocates nothing. A
// function of the server's that runs such a statement by itself cannot be seen.
func TouchesPrepared(sql []byte) bool {
	for i := window - 1; i < len(sql); {
		skip := skips(sql[i])
		if skip > 0 {
			i += skip
			continue
		}
		at := i - window + 1
		if hasFold(sql[at:], "prepare") || hasFold(sql[at:], "discard") || hasFold(sql[at:], "deallocate") {
			return true
		}
		i++
	}
	return false
}

// hasFold says whether b begins with the lower-case ASCII word, whatever b's case.
func hasFold(b []byte, word string) bool {
	if len(b) < len(word) {
		return false
	}
	for i := range len(word) {
		if b[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

// holdsInto says whether b holds "into" anywhere, whatever its case, in one pass of Horspool's.
func holdsInto(b []byte) bool {
	for i := 3; i < len(b); {
		switch b[i] | 0x20 {
		case 'o':
			if hasFold(b[i-3:], "into") {
				return true
			}
			i += 4
		case 't':
			i++
		case 'n':
			i += 2
		case 'i':
			i += 3
		default:
			i += 4
		}
	}
	return false
}
