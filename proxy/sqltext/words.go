package sqltext

// word is a key word that classification cares about, or a group of those that mean the same to it.
type word uint8

const (
	wordNone word = iota
	wordSelect
	wordValues
	wordTable
	wordWith
	wordInto
	wordInsert
	wordUpdate
	wordDelete
	wordMerge
	wordFor
	wordKey
	wordCopy
	wordFrom
	wordTo
	wordProgram
	wordExplain
	wordAnalyze
	wordVerbose
	wordCreate // CREATE, ALTER, DROP
	wordOr
	wordReplace
	wordAdminObject // ROLE, DATABASE, SYSTEM and the like
	wordPrepare
	wordTransaction
	wordCursor  // DECLARE, FETCH, MOVE, CLOSE
	wordWrites  // what counts as a write by itself
	wordDefines // what counts as ddl by itself
	wordAdmin   // what counts as admin by itself
	wordSet
	wordSession   // what counts as session by itself
	wordTransacts // what counts as transaction by itself
)

// maxWord is the length of the longest word that lookup knows.
const maxWord = 11

// is says whether the scanner's word is the lower-case word w, whatever its case.
func (s *scanner) is(w string) bool {
	return s.wordEnd-s.wordStart == len(w) && hasFold(s.text[s.wordStart:], w)
}

// lookup finds the scanner's word, whatever its case.
func (s *scanner) lookup() word {
	n := s.wordEnd - s.wordStart
	if n > maxWord {
		return wordNone
	}
	var folded [maxWord]byte
	for i, b := range s.text[s.wordStart:s.wordEnd] {
		folded[i] = b | 0x20 // '_' and bytes above ASCII become what is in no word below
	}
	switch string(folded[:n]) {
	case "select":
		return wordSelect
	case "values":
		return wordValues
	case "table":
		return wordTable
	case "with":
		return wordWith
	case "into":
		return wordInto
	case "insert":
		return wordInsert
	case "update":
		return wordUpdate
	case "delete":
		return wordDelete
	case "merge":
		return wordMerge
	case "for":
		return wordFor
	case "key":
		return wordKey
	case "copy":
		return wordCopy
	case "from":
		return wordFrom
	case "to":
		return wordTo
	case "program":
		return wordProgram
	case "explain":
		return wordExplain
	case "analyze", "analyse":
		return wordAnalyze
	case "verbose":
		return wordVerbose
	case "create", "alter", "drop":
		return wordCreate
	case "or":
		return wordOr
	case "replace":
		return wordReplace
	case "role", "user", "group", "database", "tablespace", "system", "default", "owned":
		return wordAdminObject
	case "prepare":
		return wordPrepare
	case "transaction":
		return wordTransaction
	case "declare", "fetch", "move", "close":
		return wordCursor
	case "truncate", "call", "do", "execute":
		return wordWrites
	case "comment", "security", "import", "refresh":
		return wordDefines
	case "grant", "revoke", "vacuum", "cluster", "reindex", "checkpoint", "load", "reassign":
		return wordAdmin
	case "set":
		return wordSet
	case "reset", "show", "discard", "listen", "unlisten", "notify", "deallocate":
		return wordSession
	case "begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "lock":
		return wordTransacts
	}
	return wordNone
}
