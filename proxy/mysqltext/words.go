package mysqltext

// maxWord bounds the length of the words below, in bytes.
const maxWord = 32

// hasFold says whether b begins with the lower-case ASCII word, whatever b's case.
func hasFold(b []byte, word string) bool {
	if len(b) < len(word) {
		return false
	}
	for i := range len(word) {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// foldWord is the word in lower case, when it is no longer than maxWord.
func foldWord(word []byte, folded *[maxWord]byte) []byte {
	if len(word) > maxWord {
		return nil
	}
	n := copy(folded[:], word)
	lower(folded[:n])
	return folded[:n]
}

func lower(word []byte) {
	for i, b := range word {
		if b >= 'A' && b <= 'Z' {
			word[i] = b | 0x20
		}
	}
}

// isCharset says whether a word is a character set's introducer, as in _utf8mb4'x'.
func isCharset(word []byte) bool {
	if word[0] != '_' {
		return false
	}
	var buffer [maxWord]byte
	switch string(foldWord(word, &buffer)) {
	case "_armscii8", "_ascii", "_big5", "_binary", "_cp1250", "_cp1251", "_cp1256", "_cp1257", "_cp850", "_cp852", "_cp866",
		"_cp932", "_dec8", "_eucjpms", "_euckr", "_gb18030", "_gb2312", "_gbk", "_geostd8", "_greek", "_hebrew", "_hp8", "_keybcs2",
		"_koi8r", "_koi8u", "_latin1", "_latin2", "_latin5", "_latin7", "_macce", "_macroman", "_sjis", "_swe7", "_tis620", "_ucs2",
		"_ujis", "_utf16", "_utf16le", "_utf32", "_utf8", "_utf8mb3", "_utf8mb4":
		return true
	}
	return false
}

// gapMatters says whether a word is a function of the server's own only when a parenthesis follows at once: behind a blank
// it is a name, unless sql_mode holds IGNORE_SPACE
// (https://dev.mysql.com/doc/refman/8.4/en/function-resolution.html).
func gapMatters(word []byte) bool {
	var buffer [maxWord]byte
	switch string(foldWord(word, &buffer)) {
	case "adddate", "bit_and", "bit_or", "bit_xor", "cast", "count", "curdate", "curtime", "date_add", "date_sub", "extract",
		"group_concat", "json_arrayagg", "json_objectagg", "max", "mid", "min", "now", "position", "session_user", "st_collect", "std",
		"stddev", "stddev_pop", "stddev_samp", "subdate", "substr", "substring", "sum", "sysdate", "system_user", "trim", "var_pop",
		"var_samp", "variance", "median", "percentile_cont", "percentile_disc":
		return true
	}
	return false
}

// beforeOperand says whether a word is one that an operand has to follow, so that a sign behind it is a number's.
func beforeOperand(word []byte) bool {
	var buffer [maxWord]byte
	switch string(foldWord(word, &buffer)) {
	case "and", "or", "xor", "not", "between", "like", "rlike", "regexp", "is", "div", "mod", "when", "then", "else", "where", "having", "on",
		"select", "by", "limit", "interval":
		return true
	}
	return false
}

// holdsFile says whether b holds "file" anywhere, whatever its case, in one pass of Horspool's.
func holdsFile(b []byte) bool {
	for i := 3; i < len(b); {
		switch b[i] | 0x20 {
		case 'e':
			if hasFold(b[i-3:], "file") {
				return true
			}
			i += 4
		case 'l':
			i++
		case 'i':
			i += 2
		case 'f':
			i += 3
		default:
			i += 4
		}
	}
	return false
}
